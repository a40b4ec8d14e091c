"""benchmarks/gpu_report.py: its arithmetic, its guards, and a run with NumPy in the GPU's place."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gpu_report
import numpy as np
import pytest
from common import Size
from gpu import plots, suite, tables
from gpu.cases import FULL, NARROW, TARGETS, TINY, WIDE, start_of, steps_of
from gpu.ceilings import copy_bandwidth, product_rate
from gpu.crossover import crossing
from gpu.device import Cuda, Host
from gpu.floor import parameters, step_work
from gpu.isolation import isolated
from gpu.libraries import ON_CPU, ON_GPU, library
from gpu.library import rows as library_rows
from gpu.limits import TimeIsUpError, limit
from gpu.ours import Ours, task_of
from gpu.parity import distance
from gpu.peers import _ratio
from gpu.report import Bench, Report, attempt, run_parts
from gpu.suite import environment, junit, pytest_run
from gpu.timing import in_turn, spread, timed

import xpnet as xn

PAGE = Path(__file__).parents[1] / "docs" / "gpu.md"
SMALL = Size((2, 3, 4), 5, "SGD")
timers = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no such timers")


class Clock:
    """A clock that moves when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def spend(self, seconds: float) -> float:
        self.now += seconds
        return seconds


def new_report(folder: Path, budget: float = 100.0) -> Report:
    return Report.new(folder, {"gpu": "none"}, budget)


def stored(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """NumPy in the GPU's place."""
    return Bench(Host(), TINY, new_report(tmp_path), end=time.monotonic() + 60)


class TestCounted:
    def test_operations_and_bytes_of_a_step_by_hand(self) -> None:
        work = step_work(SMALL, "float32")
        assert work.flops == 2 * 5 * (2 * (2 * 3) + 3 * (3 * 4))
        gather, first, first_w, second, second_w, second_x, update = work.calls
        assert gather == (0, 5 * (2 + 2) * 4 + 5 * 2 * 8)
        assert first == (60, 4 * (10 + 6 + 15))
        assert first_w == (60, 4 * (10 + 15 + 6))
        assert second == (120, 4 * (15 + 12 + 20))
        assert second_w == second_x == (120, 4 * (15 + 20 + 12))
        assert parameters(SMALL) == 9 + 16
        assert update == (0, 3 * 4 * 25)
        assert work.least == 5 * (2 * 4 + 8) + 2 * 4 * 25

    @pytest.mark.parametrize(("optimizer", "passes"), [("SGD", 3), ("momentum", 5), ("Adam", 7)])
    def test_vectors_of_an_update(self, optimizer: str, passes: int) -> None:
        work = step_work(Size((2, 3, 4), 5, optimizer), "float32")
        assert work.calls[-1] == (0, passes * 4 * 25)

    def test_16_bit_operands_are_half_as_long_and_results_are_not(self) -> None:
        full, half = (step_work(SMALL, p).calls[1][1] for p in ("float32", "bfloat16"))
        assert full - half == 2 * (10 + 6)

    def test_the_floor_is_the_larger_of_moving_and_multiplying(self) -> None:
        work = step_work(SMALL, "float32")
        assert work.floor(work.least / 2, work.flops) == 2
        assert work.floor(work.least, work.flops / 3) == 3
        slow = work.call_by_call(1.0, 1e30)
        assert slow == sum(moved for _, moved in work.calls)

    def test_every_target_is_measured_at_its_precision(self) -> None:
        sizes = {s.name for s in FULL.sizes}
        peers = {(s.name, p) for s, p in FULL.against_peers}
        for name, target in TARGETS.items():
            assert name in sizes
            assert {(name, p) for p in target.precisions} <= peers

    def test_measured_epochs_are_long_but_fit_into_memory(self) -> None:
        for size in FULL.sizes:
            nbytes = 4 * steps_of(size, FULL.steps) * size.batch * size.units[0]
            assert nbytes < 2**30
        assert steps_of(NARROW, 500) > steps_of(WIDE, 500) >= 4


class TestTimes:
    def test_spread_is_in_microseconds(self) -> None:
        found = spread([1e-6, 2e-6, 3e-6, 4e-6, 5e-6])
        assert found == {"us": 3, "us_low": 2, "us_high": 4, "rounds": 5}
        assert spread([1e-6])["us_high"] == 1

    def test_rounds_end_with_the_time_but_not_before_the_least(self) -> None:
        clock = Clock()
        timers = {"a": lambda: clock.spend(1), "b": lambda: clock.spend(2)}
        assert in_turn(timers, 7, clock=clock, least=1) == {"a": [1, 1, 1], "b": [2, 2, 2]}
        assert len(in_turn(timers, 0, clock=clock, least=4)["a"]) == 4
        assert len(in_turn(timers, 1e9, clock=clock, most=6)["b"]) == 6

    def test_short_calls_are_repeated_and_long_ones_are_not(self) -> None:
        class Counting(Host):
            calls: list[int]

            def seconds(self, run: Any, repeats: int, backend: Any = None) -> float:
                self.calls.append(repeats)
                return float(run())

        device = Counting()
        for took, repeats in ((1e-3, 2), (1e-5, 200), (1.0, 1), (1e-9, 1000)):
            device.calls = []
            timed(device, {"run": lambda t=took: t}, 0)
            assert device.calls[2:] == [repeats] * 5

    def test_ratios_are_taken_round_by_round(self) -> None:
        times = {"xpnet": [1.0, 2.0, 4.0], "peer": [3.0, 6.0, 12.0]}
        assert _ratio(times, "peer") == {"ratio": 3, "ratio_low": 3, "ratio_high": 3}

    def test_the_crossing_lies_between_its_neighbors(self) -> None:
        assert crossing([(8, 0.5), (32, 2.0)]) == 16
        assert crossing([(8, 1.2), (16, 0.9), (32, 1.1)]) == pytest.approx(22.0, abs=1)
        assert "from the smallest width, 8" in str(crossing([(8, 1.0), (16, 2.0)]))
        assert "up to 16" in str(crossing([(8, 0.1), (16, 0.9)]))
        assert crossing([]) == "not measured"


class TestCudaDevice:
    """The GPU's clock, on a stand-in for CuPy that notes what is asked of it."""

    def device(self, asked: list[str]) -> Cuda:
        class Event:
            def record(self, stream: Any) -> None:
                asked.append(f"record on {stream}")

            def synchronize(self) -> None:
                asked.append("wait for event")

        cuda = SimpleNamespace(
            Event=Event,
            Stream=SimpleNamespace(null="null"),
            runtime=SimpleNamespace(deviceSynchronize=lambda: asked.append("idle")),
            get_elapsed_time=lambda start, end: 250.0,
        )
        device = Cuda.__new__(Cuda)
        device.cupy = SimpleNamespace(cuda=cuda)
        return device

    def test_events_are_recorded_on_an_idle_device(self) -> None:
        asked: list[str] = []
        host = xn.backends.get("numpy")
        found = self.device(asked).seconds(lambda: asked.append("run"), 2, host)
        assert found == 0.125  # a quarter of a second, two calls
        mark = ["idle", "record on null"]
        assert asked == [*mark, "run", "run", *mark, "wait for event"]


class TestGuards:
    def test_an_exception_is_written_down_and_the_rows_before_it_stay(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        def part(bench: Bench) -> Any:
            yield {"a": 1}
            raise ValueError("on purpose")

        bench.report.run("gemm", part, bench, 10)
        entry = stored(tmp_path)["parts"]["gemm"]
        assert (entry["status"], entry["rows"]) == ("failed", [{"a": 1}])
        assert entry["error"] == "ValueError: on purpose"
        assert "in part" in entry["traceback"]
        assert bench.report.bad == ["gemm"]

    def test_every_row_is_on_the_disk_before_the_next_is_measured(
        self, bench: Bench, tmp_path: Path
    ) -> None:
        seen = []

        def part(bench: Bench) -> Any:
            for i in range(3):
                yield {"i": i}
                seen.append(len(stored(tmp_path)["parts"]["gemm"]["rows"]))

        bench.report.run("gemm", part, bench, 10)
        assert seen == [1, 2, 3]
        assert stored(tmp_path)["parts"]["gemm"]["status"] == "done"

    @timers
    def test_a_part_that_does_not_end_is_stopped(self, bench: Bench) -> None:
        def part(bench: Bench) -> Any:
            yield {"a": 1}
            yield attempt({"b": 2}, lambda: {"c": time.sleep(60)})  # catches exceptions

        start = time.monotonic()
        bench.report.run("gemm", part, bench, 0.2)
        assert time.monotonic() - start < 10
        entry = bench.report.data["parts"]["gemm"]
        assert (entry["status"], len(entry["rows"])) == ("stopped", 1)

    @timers
    def test_a_limit_within_a_limit_leaves_the_outer_one(self) -> None:
        def inner_ends_first() -> None:
            with limit(60):
                pass
            time.sleep(30)

        with pytest.raises(TimeIsUpError, match="after 0 s"), limit(0.3):
            inner_ends_first()
        with pytest.raises(TimeIsUpError), limit(60), limit(0.05):
            time.sleep(30)
        assert signal.setitimer(signal.ITIMER_REAL, 0) == (0, 0)

    def test_a_row_that_cannot_be_measured_says_why(self) -> None:
        row = attempt({"size": "s"}, lambda: {"us": 1 / 0})
        assert row["size"] == "s"
        assert row["error"] == "ZeroDivisionError: division by zero"

    def test_wrong_results_are_bad_although_the_part_is_done(self, bench: Bench) -> None:
        bench.report.run("parity", lambda bench: iter([{"ok": False}]), bench, 10)
        peers = [{"ok": True}, {}, {"library": "torch", "error": "not installed"}]
        bench.report.run("gemm", lambda bench: iter(peers), bench, 10)
        bench.report.run("steps", lambda bench: iter([{"size": "s", "error": "e"}]), bench, 10)
        assert bench.report.bad == ["parity", "steps"]


class TestBudget:
    def run(self, folder: Path, budget: float, takes: dict[str, float]) -> dict[str, Any]:
        """Limits of parts of equal weight that take this long, or as long as they may."""
        clock, report, limits = Clock(), new_report(folder, budget), {}

        def part(name: str, seconds: float) -> None:
            limits[name] = round(seconds, 6)
            report.begin(name, seconds)["status"] = "done"
            clock.spend(min(takes[name], seconds))

        run_parts(report, dict.fromkeys(takes, 1.0), part, lambda text: None, clock)
        return limits

    def test_what_a_part_leaves_goes_to_those_behind_it(self, tmp_path: Path) -> None:
        assert self.run(tmp_path, 90, {"a": 10, "b": 99, "c": 99}) == {"a": 30, "b": 40, "c": 40}

    def test_a_part_without_time_is_skipped_and_says_so(self, tmp_path: Path) -> None:
        assert self.run(tmp_path, 5, {"a": 1, "b": 99}) == {"a": 2.5, "b": 4}
        assert self.run(tmp_path, 3, {"a": 1, "b": 1}) == {"b": 3}
        entry = stored(tmp_path)["parts"]["a"]
        assert entry["status"] == "skipped"
        assert "budget of 3 s is 1.5 s" in entry["reason"]

    def test_the_usual_budget_ends_within_nine_minutes(self) -> None:
        assert gpu_report.options(["--out", "x"]).budget <= 540


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no process groups")
class TestIsolation:
    def entry(self, folder: Path, script: str, seconds: float) -> dict[str, Any]:
        report = new_report(folder)
        isolated(report, "gemm", seconds, [sys.executable, "-c", script], grace=0.5)
        assert stored(folder) == report.data
        return report.data["parts"]["gemm"]

    def test_a_process_that_crashes_is_a_failed_part(self, tmp_path: Path) -> None:
        script = "import os, sys; print('lost', file=sys.stderr, flush=True); os._exit(3)"
        entry = self.entry(tmp_path, script, 30)
        assert entry["status"] == "failed"
        assert entry["error"] == "its process ended with code 3"
        assert entry["traceback"] == "lost\n"

    def test_a_process_that_hangs_is_killed_with_its_children(self, tmp_path: Path) -> None:
        child = tmp_path / "child"
        script = (
            "import pathlib, subprocess, sys, time\n"
            "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
            f"pathlib.Path({str(child)!r}).write_text(str(p.pid))\n"
            "time.sleep(60)\n"
        )
        entry = self.entry(tmp_path, script, 1.5)
        assert entry["status"] == "stopped"
        assert "was killed" in entry["error"]
        if Path("/proc/self/stat").is_file():
            assert self.ends(Path("/proc") / child.read_text() / "stat")

    def ends(self, stat: Path) -> bool:
        """Whether a process that was killed is gone, or waits for nothing but its parent."""
        for _ in range(100):
            try:
                if stat.read_text().rpartition(")")[2].split()[0] == "Z":
                    return True
            except (FileNotFoundError, ProcessLookupError):
                return True
            time.sleep(0.05)
        return False


ROWS = [
    {"size": "a|b", "precision": "float32", "library": "xpnet", "us": 12.34},
    {"size": "a|b", "precision": "float32", "library": "torch", "ratio": 5.678},
    {"size": "c", "library": "jax", "error": "OOM:\n no room", "traceback": "..."},
]


class TestWritten:
    def data(self, folder: Path) -> dict[str, Any]:
        report = new_report(folder)
        report.data["parts"] = {
            "peers": {"status": "done", "seconds": 1.5, "rows": ROWS},
            "gemm": {"status": "skipped", "reason": "no time", "rows": []},
        }
        report.data["ceilings"] = {"copy": 4.2e12, "bfloat16": 7.9e14}
        return report.data

    def test_tables_errors_and_reasons(self, tmp_path: Path) -> None:
        text = tables.markdown(self.data(tmp_path))
        assert "4,200.0 GB/s of a device copy, 790 TFLOP/s in bfloat16" in text
        assert "| size | precision | library | step, us | times xpnet's |" in text
        assert "| a/b | float32 | xpnet | 12.3 |  |" in text
        assert "| a/b | float32 | torch |  | 5.68x |" in text
        assert "- c, jax: OOM: no room" in text
        assert "skipped: no time" in text
        assert "traceback" not in text

    def test_pictures_of_what_was_measured(self, tmp_path: Path) -> None:
        pytest.importorskip("matplotlib")
        plots.write(self.data(tmp_path), tmp_path)
        assert [f.name for f in tmp_path.glob("*.png")] == ["peers.png"]

    def test_every_part_has_a_table(self) -> None:
        assert set(tables.COLUMNS) == set(gpu_report.PARTS)
        assert 3 + len(plots.BARS) + 1 <= 8  # JSON, Markdown, JUnit, pictures


JUNIT = """<testsuites><testsuite><testcase classname="a" name="good"/>
<testcase classname="a" name="bad"><failure message="1 != 2">long</failure></testcase>
<testcase classname="a" name="broken"><error message="no fixture"/></testcase>
<testcase classname="b" name="left out"><skipped message="no GPU"/></testcase>
</testsuite></testsuites>"""


class TestSuite:
    def test_junit_is_counted(self) -> None:
        found = junit(JUNIT)
        counts = {k: found[k] for k in ("tests", "passed", "failed", "errors", "skipped")}
        assert counts == {"tests": 4, "passed": 1, "failed": 1, "errors": 1, "skipped": 1}
        assert found["failures"] == ["a::bad: 1 != 2", "a::broken: no fixture"]
        assert found["reasons"] == ["no GPU"]

    def run_tests(self, folder: Path, body: str, seconds: float) -> dict[str, Any]:
        (folder / "pytest.ini").write_text("[pytest]\nmarkers = gpu\nfilterwarnings = error\n")
        head = "import time, warnings, pytest\npytestmark = pytest.mark.gpu\n"
        (folder / "test_it.py").write_text(head + body)
        return pytest_run([str(folder)], folder / "tests.xml", seconds)

    def test_failures_are_named_and_deprecations_are_none(self, tmp_path: Path) -> None:
        """Other warnings are failures."""
        body = "def test_a(): pass\ndef test_b(): assert 1 == 2\n"
        body += "def test_c(): warnings.warn('old', DeprecationWarning)\n"
        body += "def test_d(): warnings.warn('bad')\n"
        found = self.run_tests(tmp_path, body, 60)
        counts = {name: found[name] for name in ("tests", "passed", "failed", "ok", "stopped")}
        assert counts == {"tests": 4, "passed": 2, "failed": 2, "ok": False, "stopped": 0}
        first, second = sorted(found["failures"])
        assert "test_b" in first
        assert "test_d" in second

    def test_tests_that_take_too_long_are_cut_short_and_the_others_counted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The time is up when one test has been counted, however slow the machine is."""
        monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # of the run that this is part of
        counted = tmp_path / "counted"
        (tmp_path / "conftest.py").write_text(
            "import os, pathlib, pytest\n"
            "@pytest.hookimpl(trylast=True)\n"
            "def pytest_runtest_logreport(report):\n"
            "    here = 'PYTEST_XDIST_WORKER' not in os.environ\n"
            "    if here and report.when == 'teardown' and 'test_a' in report.nodeid:\n"
            f"        pathlib.Path({str(counted)!r}).touch()\n"
        )
        whole = suite.wait

        def wait(process: subprocess.Popen[str], seconds: float) -> tuple[str, bool]:
            while not counted.exists() and process.poll() is None:
                time.sleep(0.05)
            return whole(process, 0.1)

        monkeypatch.setattr(suite, "wait", wait)
        monkeypatch.setattr(suite, "GRACE", 120)
        body = "def test_a(): pass\ndef test_b(): time.sleep(600)\n"
        found = self.run_tests(tmp_path, body, 600)
        assert found["stopped"]
        assert found["passed"] >= 1  # pytest may list the one that it was making

    def test_a_module_that_cannot_be_imported_leaves_the_others(self, tmp_path: Path) -> None:
        (tmp_path / "test_broken.py").write_text("import nothing_of_this_name\n")
        found = self.run_tests(tmp_path, "def test_a(): pass\n", 60)
        assert (found["passed"], found["errors"], found["ok"]) == (1, 1, False)

    def test_where_several_processes_run_nothing_one_does(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Here pytest does not know of the option, as where pytest-xdist is broken."""
        monkeypatch.setattr(suite, "find_spec", lambda name: True)
        (tmp_path / "conftest.py").write_text(
            "import sys\nif '-n' in sys.argv: sys.exit('no processes')\n"
        )
        found = self.run_tests(tmp_path, "def test_a(): pass\n", 60)
        assert (found["passed"], found["ok"]) == (1, True)

    def test_every_path_is_there(self) -> None:
        assert all((suite.ROOT / path).exists() for path in (*FULL.tests, *TINY.tests))

    def test_a_run_without_tests_does_not_hold(self, tmp_path: Path) -> None:
        assert not self.run_tests(tmp_path, "import nothing_of_this_name\n", 60)["ok"]


class TestWithoutGpu:
    @pytest.fixture(autouse=True)
    def no_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("XPNET_FALLBACK", raising=False)
        if any(s.usable for s in xn.backends.status() if s.name == "cupy"):
            pytest.skip("there is a GPU here")

    def test_it_says_so_in_one_sentence_and_writes_nothing(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert gpu_report.main(["--out", str(tmp_path / "out")]) == 2
        said = capsys.readouterr()
        assert said.err.startswith("There is no GPU to report on: backend 'cupy' cannot run here")
        assert len(said.err.splitlines()) == 1
        assert not said.out
        assert not (tmp_path / "out").exists()

    def test_a_fallback_to_numpy_is_not_taken_for_a_gpu(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XPNET_FALLBACK", "numpy")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", xn.errors.BackendFallbackWarning)
            assert gpu_report.main(["--out", str(tmp_path)]) == 2

    @pytest.mark.parametrize("wrong", [["--only", "gem"], ["--budget", "0"], ["--budget", "nan"]])
    def test_a_wrong_command_line(self, wrong: list[str], tmp_path: Path) -> None:
        with pytest.raises(SystemExit):
            gpu_report.main(["--out", str(tmp_path), *wrong])


class TestDryRun:
    """The parts with NumPy in the GPU's place, at tiny sizes."""

    @pytest.mark.parametrize("name", ["parity", "kernels", "gemm", "steps", "epoch", "crossover"])
    def test_a_part(self, name: str, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("XPNET_DATA", raising=False)  # noise of MNIST's shape is enough
        bench.report.run(name, gpu_report.PARTS[name][0], bench, 60)
        entry = bench.report.data["parts"][name]
        assert entry["status"] == "done", entry
        missing = {
            r["error"] for r in entry["rows"] if "error" in r and r.get("library") != "torch"
        }
        assert not missing
        assert all(row.get("ok", True) for row in entry["rows"])
        assert tables.section(name, entry)

    def test_the_peers_that_are_installed_make_the_same_steps(self, bench: Bench) -> None:
        bench.report.run("peers", gpu_report.PARTS["peers"][0], bench, 60)
        rows = {row["library"]: row for row in bench.report.data["parts"]["peers"]["rows"]}
        assert rows["xpnet"]["ratio"] == 1
        for row in rows.values():
            assert "error" not in row, row
            assert "not installed" in row["skipped"] if "skipped" in row else row["ratio"] > 0

    @pytest.mark.parametrize("name", ON_CPU)
    def test_a_library_has_the_losses_of_numpy_and_a_time(self, name: str) -> None:
        pytest.importorskip(name.partition(":")[0])
        rows = list(library_rows(name, TINY))
        assert len(rows) == 3 * 2 + 1  # optimizers, with dropout and without; a step
        assert all(row["ok"] for row in rows[:-1]), rows
        assert rows[-1]["us"] > 0
        assert {row["backend"] for row in rows} == {name}

    @pytest.mark.parametrize("name", ON_GPU)
    def test_a_library_that_is_missing_is_skipped_with_a_reason(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def get(spec: str) -> None:
            raise xn.errors.BackendUnavailableError(f"{spec} is\nnot here")

        monkeypatch.setattr(xn.backends, "get", get)
        found = list(library_rows(name, TINY))
        assert found == [{"backend": name, "skipped": f"{name} is not here"}]

    def test_numpy_is_not_taken_for_a_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        numpy = xn.backends.get("numpy")
        monkeypatch.setattr(xn.backends, "get", lambda spec: numpy)
        (row,) = library_rows("cupy", TINY)
        assert row["skipped"] == "XPNET_FALLBACK replaces the GPU by NumPy"

    def test_each_library_has_a_process_and_a_limit(self) -> None:
        rows = library("numpy", "tiny", 120)
        assert [row["what"] for row in rows][-1] == "a step of fit"
        assert rows[0]["what"] == "losses, SGD"
        assert library("numpy", "full", 0)[-1]["skipped"] == "the rest: its 1 s were over"
        (row,) = library("numpy", "no such scale", 120)
        assert row["error"] == "its process ended with code 1"
        assert "no such scale" in row["traceback"]

    def test_ceilings_are_measured_once(self, bench: Bench) -> None:
        bandwidth, rate = copy_bandwidth(bench), product_rate(bench, "float32")
        assert min(bandwidth, rate) > 1e6
        assert bandwidth == copy_bandwidth(bench) == bench.report.data["ceilings"]["copy"]
        assert rate == product_rate(bench, "float32")

    def test_a_precision_in_which_nothing_multiplies_has_no_rate(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = [{"library": "xpnet", "error": "no cuBLASLt"}]
        monkeypatch.setattr("gpu.products.measure", lambda *given: rows)
        with pytest.raises(RuntimeError, match="in tf32: no cuBLASLt"):
            product_rate(bench, "tf32")
        assert not bench.report.data["ceilings"]

    def test_a_step_is_that_of_the_start_that_all_share(self) -> None:
        size = TINY.sizes[0]
        ours = Ours(Host(), size, "float32", task_of(size, 3))
        start = start_of(size)
        for name, value in ours.model.state_dict().items():
            np.testing.assert_array_equal(value, start[name])
        assert ours.seconds() > 0
        assert np.isfinite(ours.mean_loss(3))

    def test_a_wrong_gradient_is_far_and_nan_never_near(self) -> None:
        good = {"w": np.ones(4), "b": np.ones(2)}
        assert distance(good, good) == 0
        assert distance({**good, "b": np.array([1.0, 2.0])}, good) == pytest.approx(0.5**0.5)
        assert not distance({**good, "w": np.full(4, np.nan)}, good) <= 1e9

    def test_the_command_writes_few_files_and_parts_that_are_asked_for(
        self, tmp_path: Path
    ) -> None:
        given = ["--backend", "numpy", "--only", "crossover,parity", "--budget", "100"]
        done = subprocess.run(
            [sys.executable, gpu_report.__file__, "--out", str(tmp_path), *given],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found = stored(tmp_path)
        assert list(found["parts"]) == ["parity", "crossover"]  # in the order of the report
        assert {part["status"] for part in found["parts"].values()} == {"done"}
        assert {"schema", "when", "command", "environment", "budget", "ceilings"} < set(found)
        for what in ("gpu", "torch", "jax", "numpy", "blas", "clock", "cpu"):
            assert found["environment"][what]
        names = {file.name for file in tmp_path.iterdir()}
        assert names - {"crossover.png"} == {"report.json", "report.md"}
        assert (tmp_path / "report.md").read_text().strip() in done.stdout


@pytest.mark.skipif(not PAGE.is_file(), reason="there are no docs beside the tests")
class TestPage:
    def test_its_programs_run_where_there_is_no_gpu(self) -> None:
        blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        assert len(blocks) > 2
        done = subprocess.run(
            [sys.executable, "-c", "\n".join(blocks)],
            env={**environment(), "XPNET_FALLBACK": "numpy"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def test_it_explains_every_part(self) -> None:
        _, _, table = PAGE.read_text("utf-8").partition("| part |")
        rows = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
        assert rows == list(gpu_report.PARTS)
