"""The benchmarks' own arithmetic: turns, medians, comparisons, lines, tables, and fair play."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("compare", reason="there are no benchmarks beside the tests")

import compare
import growth
import peers
import timing
from clock import DeviceClock
from common import Size
from contest import (
    backends,
    by_hand,
    environment,
    first_step,
    installed,
    libraries,
    ours,
    processes,
    report,
    rules,
)
from contest.server import Server
from contest.task import Absent, Stepper, Task
from timing import Run, Spread, Times, by_turns, ratios

ROOT = Path(__file__).parents[1]
TINY = Size((5, 4, 3), 8, "Adam")


class Clock:
    """Time that passes only when something is done, and is counted as work of one core."""

    def __init__(self, monkeypatch):
        self.now, self.log = 0.0, []
        for name in ("perf_counter", "process_time"):
            monkeypatch.setattr(timing, name, lambda: self.now)
        monkeypatch.setattr(timing, "sleep", lambda seconds: self.log.append("rest"))

    def work(self, name, seconds):
        def call():
            self.now += seconds
            self.log.append(name)

        return call


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


# --- timing -----------------------------------------------------------------------------------


def test_spread():
    spread = Spread.of([4.0, 1.0, 2.0, 3.0, 5.0])
    assert spread == Spread(median=3.0, low=2.0, high=4.0, rounds=5)
    assert spread.times(10) == Spread(30.0, 20.0, 40.0, 5)


def test_ratios_are_of_the_same_round():
    drift = [1.0, 2.0, 5.0, 9.0]
    found = ratios(Times([3 * d for d in drift]), Times(drift))
    assert found == Spread(3.0, 3.0, 3.0, 4)


def test_every_round_begins_with_another(clock):
    runs = {name: Run(clock.work(name, 1.0)) for name in "abc"}
    times = by_turns(runs, 3, least=0.5)
    # Each rests, is called once to warm up, and once to be timed.
    assert "".join(clock.log[-27:]).replace("rest", ".") == ".aa.bb.cc.bb.cc.aa.cc.aa.bb"
    assert times["a"].seconds == [1.0, 1.0, 1.0]
    assert times["a"].cores == [1.0, 1.0, 1.0]


def test_short_runs_are_repeated_and_epochs_are_not_warmed_up(clock):
    runs = {
        "short": Run(clock.work("short", 0.25)),
        "epoch": Run(clock.work("epoch", 8.0), steps=4),
    }
    times = by_turns(runs, 1, least=1.0)
    assert times["short"].seconds == [0.25]
    assert times["epoch"].seconds == [2.0]
    before = 3 + 3  # warm-up, and to find the number of repeats
    assert clock.log.count("short") == before + 1 + 4
    assert clock.log.count("epoch") == 2 + 1


def test_what_is_asked_for_is_waited_for(clock):
    run = Run(clock.work("ask", 0.0), finish=clock.work("wait", 2.0))
    assert by_turns({"a": run}, 2, least=0.0)["a"].seconds == [2.0, 2.0]


class Events:
    """CUDA's events: times in float32 milliseconds, read only when the device has got there."""

    def __init__(self):
        self.now, outer = 0.0, self

        class Event:
            def record(self):
                self.at, self.done = outer.now, False

            def synchronize(self):
                self.done = True

        self.Event = Event
        self.cuda = self

    def get_elapsed_time(self, start, end):
        assert start.done
        assert end.done
        return float(np.float32((end.at - start.at) * 1e3))


def test_the_clock_of_a_device_stays_fine_for_hours():
    device = Events()
    clock = DeviceClock(device)
    assert clock() == 0.0
    for _ in range(5000):  # seven hours
        device.now += 5.0
        start = clock()
    device.now += 3e-6
    assert clock() - start == pytest.approx(3e-6, rel=1e-4)


# --- compare ----------------------------------------------------------------------------------


def peers_file(median, low, high, name="xpnet", rounds=9):
    row = {"floors": {"median": median, "low": low, "high": high, "rounds": rounds}}
    table = {"name": "a step", "rows": {name: row}}
    slow = {"median": 80.0, "low": 79.0, "high": 81.0, "rounds": 9}
    imports = {"name": "import", "rows": {"numpy": slow, "torch": {"reason": "not installed"}}}
    return {"kind": "peers", "threads": {"1": {"tables": [table]}}, "processes": [imports]}


def bench_file(median, low, high):
    row = {"batch": 8, "backend": "numpy", "threads": 1}
    row |= {"ratio": median, "ratio_low": low, "ratio_high": high}
    names = {"layers": [5, 3], "activation": "relu", "optimizer": "adam", "dtype": "float32"}
    return {"kind": "bench", "rounds": 7, **names, "rows": [row]}


def pytest_file(median, low, high):
    stats = {"median": median, "q1": low, "q3": high, "rounds": 9}
    return {"benchmarks": [{"fullname": "test_a", "stats": stats}]}


@pytest.mark.parametrize("make", [peers_file, bench_file, pytest_file])
@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        ((1.2, 1.19, 1.21), "slower"),
        ((1.2, 1.02, 1.3), "same"),  # the quartiles overlap
        ((1.045, 1.044, 1.046), "same"),  # less than 5 %
        ((1.0, 0.9, 1.1), "same"),
        ((0.8, 0.79, 0.81), "faster"),
    ],
)
def test_noise_is_no_change(make, new, verdict, tmp_path, capsys):
    files = [tmp_path / "old.json", tmp_path / "new.json"]
    for file, figures in zip(files, [(1.0, 0.98, 1.03), new], strict=True):
        file.write_text(json.dumps(make(*figures)))
    assert compare.main([*map(str, files)]) == int(verdict == "slower")
    out = capsys.readouterr().out
    assert (f"{verdict}: " in out) is (verdict != "same")
    assert compare.main([*map(str, files), "--least", "0.5"]) == 0


def compared(tmp_path, old, new):
    files = [tmp_path / "old.json", tmp_path / "new.json"]
    for file, content in zip(files, (old, new), strict=True):
        file.write_text(json.dumps(content))
    return compare.main([*map(str, files)])


@pytest.mark.parametrize(("name", "status"), [("xpnet[fast]", 1), ("torch eager", 0), ("numpy", 0)])
def test_peers_are_shown_but_not_judged(name, status, tmp_path, capsys):
    files = (peers_file(1.0, 1.0, 1.0, name), peers_file(2.0, 2.0, 2.0, name))
    assert compared(tmp_path, *files) == status
    out = capsys.readouterr().out
    assert f"slower: a step, 1 threads: {name}, " in out
    assert ("xpnet: 1 compared, 1 slower, 0 faster" in out) is (status == 1)


@pytest.mark.parametrize(("old", "new"), [(4, 9), (9, 2)])
def test_few_rounds_are_not_judged(old, new, tmp_path, capsys):
    files = (peers_file(1.0, 1.0, 1.0, rounds=old), peers_file(2.0, 2.0, 2.0, rounds=new))
    assert compared(tmp_path, *files) == 0
    out = capsys.readouterr().out
    assert "unjudged: a step, 1 threads: xpnet, " in out
    assert "1 not judged: quartiles of fewer than 5 rounds" in out


def test_what_bench_writes_can_be_compared(tmp_path, capsys):
    from xpnet.cli import main

    file = tmp_path / "bench.json"
    words = "bench --layers 5 4 3 --batch 1 --backend numpy --json".split()
    assert main([*words, str(file)]) == 0
    assert compare.main([str(file), str(file)]) == 0
    assert "xpnet: 3 compared, 0 slower, 0 faster" in capsys.readouterr().out


def test_what_slowed_down_most_is_first():
    old, new = pytest_file(1.0, 0.9, 1.1), pytest_file(2.0, 1.9, 2.1)
    for file, median in ((old, 1.0), (new, 3.0)):
        file["benchmarks"].append({**file["benchmarks"][0], "fullname": "test_b"})
        file["benchmarks"][1]["stats"] = {"median": median, "q1": median, "q3": median, "rounds": 9}
    assert [change.name for change in compare.changes(old, new)] == ["test_b", "test_a"]
    assert compare.line(compare.changes(old, new)[0], "slower").endswith("3.00x")


@pytest.mark.parametrize("text", ["{}", "no JSON", '{"kind": "peers"}'])
def test_other_files_are_refused(text, tmp_path):
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(SystemExit, match=r"a\.json cannot be compared"):
        compare.main([str(file), str(file)])


def test_nothing_in_common(tmp_path):
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(peers_file(1, 1, 1)))
    new.write_text(json.dumps(pytest_file(1, 1, 1)))
    with pytest.raises(SystemExit, match="nothing in common"):
        compare.main([str(old), str(new)])


# --- growth -----------------------------------------------------------------------------------


def test_a_straight_line():
    x = [1.0, 2.0, 4.0, 8.0]
    fit = growth.line(x, [3.0 * v for v in x])
    assert fit["slope"] == pytest.approx(3)
    assert fit["start"] == pytest.approx(0, abs=1e-9)
    assert fit["R2"] == pytest.approx(1)
    assert fit["exponent"] == pytest.approx(1)


def test_growth_that_is_no_line():
    fit = growth.line([1, 2, 4, 8, 16], [v**2 for v in (1, 2, 4, 8, 16)])
    assert fit["exponent"] == pytest.approx(2)
    assert fit["R2"] < 0.95


@pytest.mark.parametrize("one", growth.series(), ids=lambda one: one.name)
def test_series_grow_in_one_respect(one):
    x = one.abscissae()
    assert x == sorted(set(x))
    assert x[-1] / x[0] >= 16
    others = {"parameters", "batch", "rows"} - {one.against}
    if one.against != "batch":  # whose rows grow with it
        for other in others:
            assert len({growth._abscissa(p, other) for p in one.points}) == 1


def test_memory_has_the_parameters_and_their_companions():
    small, large = (
        growth.peak_memory(growth.Point(Size((64, w, 10), 16, "Adam"), 64)) for w in (512, 4096)
    )
    parameters = 75 * (4096 - 512)
    assert (large - small) / parameters > 4 * 4  # parameters, gradients, two moments


# --- command lines ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words", "message"),
    [
        (
            peers.options,
            "--only foo xpnet",
            "--only: no name starts with foo; the names are: xpnet;",
        ),
        (
            peers.options,
            "--sizes 7-7",
            "--sizes: no name starts with 7-7; the names are: 20-64-64-3 b32",
        ),
        (peers.options, "--rounds 0", "expected a whole number of at least 1, got '0'"),
        (peers.options, "--threads 1 0", "expected a whole number of at least 1, got '0'"),
        (peers.options, "--parts x", "(choose from "),
        (peers.options, "--parts compile", "--parts: compile is measured with --backends"),
        (peers.options, "--backends --parts processes", "processes is measured without --backends"),
        (peers.options, "--backends --only jax.jit", "no name starts with jax.jit; the names are:"),
        (peers.options, "--json no/where/a.json", "there is no folder no"),
        (peers.options, "--markdown .", "this file cannot be written"),
        (growth.options, "--only foo", "(choose from "),
        (growth.options, "--backend nump", "Did you mean 'numpy'?"),
        (growth.options, "--backend cupy:99", "cannot run here"),
        (growth.options, "--rounds -1", "expected a whole number of at least 1"),
        (growth.options, "--json no/where/a.json", "there is no folder no"),
    ],
)
def test_what_is_refused_before_anything_is_measured(options, words, message, capsys, monkeypatch):
    monkeypatch.delenv("XPNET_FALLBACK", raising=False)
    with pytest.raises(SystemExit) as ended:
        options(words.split())
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("options", [peers.options, growth.options])
def test_pictures_have_a_format(options, capsys, tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    with pytest.raises(SystemExit):
        options(["--plot", "a.xyz"])
    assert "must end in .png, .pdf or .svg" in capsys.readouterr().err
    assert options(["--plot", str(tmp_path / "a.png")]).plot == str(tmp_path / "a.png")


def test_a_file_that_is_read_only(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(SystemExit):
        peers.options(["--json", str(tmp_path / "a.json")])
    assert "this file cannot be written" in capsys.readouterr().err


def test_help_names_players_sizes_and_parts():
    text = " ".join(peers.arguments().format_help().split())
    for name in [*rules.players(), "onnxruntime", "20-64-64-3 b32 Adam", *peers.PARTS]:
        assert name in text
    assert all(name in text for name in [*libraries.names(), *backends.PARTS])
    given = peers.options(["--only", "torch", "--sizes", "20-", "--threads", "1"])
    assert (given.only, given.sizes, given.threads) == (["torch"], ["20-"], [1])


# --- the contest ------------------------------------------------------------------------------


def test_a_task_survives_its_file(tmp_path):
    task = rules.task_of(TINY, 3)
    task.save(tmp_path / "task.npz")
    copy = Task.load(tmp_path / "task.npz")
    assert (copy.batch, copy.optimizer, copy.units) == (8, "Adam", (5, 4, 3))
    np.testing.assert_array_equal(copy.X, task.X)
    np.testing.assert_array_equal(copy.layers[1][0], task.layers[1][0])
    assert copy.first(2).batches == 2
    assert [list(rows) for rows in copy.first(2).indices()] == [[*range(8)], [*range(8, 16)]]


@pytest.mark.parametrize("optimizer", ["SGD", "momentum", "Adam"])
def test_all_who_are_installed_make_the_same_steps(optimizer):
    names = [name for name in rules.players() if name != "torch.compile"]
    found, absent = rules.steps(Size((5, 4, 3), 8, optimizer), 1, names, 0.0)
    assert set(found) | set(absent) == {*names, rules.FLOOR}
    assert all("not installed" in reason for reason in absent.values())
    assert found[rules.FLOOR]["floors"]["median"] == 1
    hand = found["numpy by hand"]
    assert hand["xpnets"]["of"].removesuffix(", many in a call") in ours.variants()
    assert hand["us"]["median"] > 0


@pytest.mark.parametrize("rows", [1, 50])
def test_all_who_are_installed_predict_the_same(rows):
    names = [name for name in rules.predictors() if name != "torch.compile"]
    found, absent = rules.predictions(TINY, rows, 1, names, 0.0)
    assert set(found) | set(absent) == {*names, rules.FLOOR}
    assert all("not installed" in reason for reason in absent.values())


class Cheat(Stepper):
    """Does nothing, and is quick at it."""

    def __init__(self, task):
        pass

    def step(self):
        return 0.5


def missing(task):
    raise Absent("not installed (no module)")


def test_who_computes_something_else_is_left_out(monkeypatch, capsys):
    monkeypatch.setattr(rules, "players", lambda: {"cheat": Cheat, "gone": missing})
    found, absent = rules.steps(TINY, 1, (), 0.0)
    assert list(found) == [rules.FLOOR]
    assert "0.5 instead of" in absent["cheat"]
    assert absent["gone"] == "not installed (no module)"
    assert "cheat is left out" in capsys.readouterr().err


def test_xpnet_must_be_right(monkeypatch):
    monkeypatch.setattr(rules, "players", lambda: {"xpnet": Cheat})
    with pytest.raises(RuntimeError, match=r"xpnet: the mean loss of 4 steps is 0\.5"):
        rules.steps(TINY, 1, (), 0.0)


def test_wrong_predictions_are_found(monkeypatch):
    def wrong(task, X):
        return lambda: by_hand.predictor(task, X)() + 0.1

    def classes(task, X):
        return lambda: (by_hand.predictor(task, X)().argmax(axis=1) + 1) % 3

    monkeypatch.setattr(rules, "predictors", lambda: {"wrong": wrong, "classes": classes})
    _, absent = rules.predictions(TINY, 20, 1, (), 0.0)
    assert "logits differ by up to 0.1" in absent["wrong"]
    assert "100.0% of its classes" in absent["classes"]


def test_steps_are_compared_with_steps_and_epochs_with_epochs():
    middle = {
        name: Spread(time, time, time, 1)
        for name, time in {
            "products": 1.0,
            "xpnet": 4.0,
            "xpnet[fast]": 2.0,
            "xpnet with accuracy": 1.5,
            "xpnet.fit epoch": 3.0,
            "torch eager": 9.0,
            "skorch epoch": 9.0,
        }.items()
    }
    assert rules.opponent("torch eager", middle) == "xpnet[fast]"
    assert rules.opponent("skorch epoch", middle) == "xpnet.fit epoch"
    assert rules.opponent("xpnet", middle) is None
    assert rules.opponent("products", middle) is None


def test_an_epoch_has_many_steps_but_does_not_last_for_ever():
    assert rules.batches_of_epoch(TINY) == 256
    assert rules.batches_of_epoch(Size((4096, 4096, 4096, 10), 4096, "SGD")) == 4


def test_a_variant_restores_the_environment(monkeypatch):
    monkeypatch.setenv("XPNET_BLAS", "mkl")
    with ours.Variant(compiles=False).settings():
        assert ours.os.environ["XPNET_BLAS"] == "numpy"
    assert ours.os.environ["XPNET_BLAS"] == "mkl"


def test_threads_are_told_and_confined(monkeypatch):
    told = environment.environment(1)
    assert {told[name] for name in told if name.endswith("_NUM_THREADS")} >= {"1"}
    assert told["PYTHONPATH"].startswith(str(ROOT / "benchmarks"))
    kept = []
    monkeypatch.setattr(environment.os, "sched_getaffinity", lambda _: {3, 1, 2}, raising=False)
    monkeypatch.setattr(
        environment.os, "sched_setaffinity", lambda _, cores: kept.append(cores), raising=False
    )
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert environment.confine(2)
    assert kept == [[2, 3]]


# --- every array library ----------------------------------------------------------------------


def served(name, library=None, only=()):
    return Server(name, library or libraries.libraries()[name], list(only), 0.0)


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_a_library_has_players_that_do_the_same(name):
    if name != "numpy":
        pytest.importorskip(name)
    server, library = served(name), libraries.libraries()[name]
    floor = {rules.FLOOR} if name == "numpy" else set()
    found = server.steps(TINY)
    assert found == {"ready": [*floor, *library.trains], "absent": {}}
    assert all(seconds > 0 for seconds, _ in map(server.time, found["ready"]))
    found = server.predictions(TINY, 20)
    assert found == {"ready": [*floor, *library.predicts], "absent": {}}


def test_keras_does_the_same_on_each_library():
    pytest.importorskip("absl", reason="Keras is not installed")
    for name in ("keras jax", "keras torch"):
        with backends.Process(name, 1, []) as process:
            found = process.ask("steps", backends.sizes(["20-"])[0].name)
        assert found == {"ready": [f"{name}: fit"], "absent": {}}


def test_a_library_that_is_missing_or_broken_has_a_reason():
    def broken(task):
        raise OSError("no\nlibrary")

    makers = {"gone": missing, "broken": broken, "cheat": Cheat}
    found = served("torch", libraries.Library(makers, {})).steps(TINY)
    assert found["ready"] == []
    assert found["absent"]["gone"] == "not installed (no module)"
    assert found["absent"]["broken"] == "OSError: no library"
    assert "0.5 instead of" in found["absent"]["cheat"]


def test_xpnet_must_be_right_on_every_library():
    with pytest.raises(rules.Wrong, match="the mean loss"):
        served("jax", libraries.Library({"xpnet jax: fit": Cheat}, {})).steps(TINY)


def test_each_is_compared_with_xpnet_on_its_library():
    middle = {
        name: Spread.of([seconds])
        for name, seconds in {
            "products": 1.0,
            "xpnet numpy: fit": 3.0,
            "xpnet[fast] numpy: fit": 2.0,
            "xpnet[fast] numpy: train_on_batch": 1.0,
            "xpnet jax: fit": 9.0,
        }.items()
    }
    assert libraries.rival("by hand in numpy", middle) == "xpnet[fast] numpy: fit"
    assert libraries.rival("keras jax: fit", middle) == "xpnet jax: fit"
    assert libraries.rival("by hand in torch", middle) is None
    assert libraries.rival("xpnet jax: fit", middle) is None


def test_only_libraries_with_chosen_players_are_started():
    assert backends.chosen(["keras"], ["steps"]) == ["numpy", "keras jax", "keras torch"]
    assert backends.chosen(["xpnet jax: fit"], ["predictions"]) == ["numpy"]
    assert backends.chosen([], ["steps"]) == list(libraries.libraries())


def test_processes_take_turns():
    """Stand-ins for processes: each times only itself, and the rows are of all."""

    class Other:
        def __init__(self, *names):
            self.names = names

        def ask(self, what, *given):
            if what == "time":
                return [{"products": 1e-6}.get(given[0], 3e-6), 1.0]
            return {"ready": list(self.names), "absent": {"gone": "not installed"}}

    processes = {"numpy": Other("products", "xpnet numpy"), "jax": Other("by hand in numpy")}
    found, absent = backends.contest(processes, ["steps", "any"], 3)
    assert list(found) == ["products", "xpnet numpy", "by hand in numpy"]
    assert found["xpnet numpy"]["floors"]["median"] == pytest.approx(3)
    assert found["by hand in numpy"]["xpnets"]["of"] == "xpnet numpy"
    assert absent == {"gone": "not installed"}


def test_first_steps_are_those_of_players():
    assert set(first_step.PLAYERS) <= set(libraries.names())
    pytest.importorskip("jax")
    for name in ("xpnet jax: fit", "by hand in jax"):
        assert first_step.seconds("jax", name, rules.task_of(TINY, 1)) > 0


def test_every_library_from_end_to_end(tmp_path):
    file = tmp_path / "found.json"
    words = ["--backends", *"--threads 1 --sizes 20- --parts steps --rounds 2 --json".split()]
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "benchmarks" / "peers.py"),
            *[*words, str(file), "--only", "xpnet numpy"],
        ],
        env={**environment.environment(1), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (table,) = json.loads(file.read_text())["threads"]["1"]["tables"]
    assert list(table["rows"]) == [
        "products",
        "xpnet numpy: fit",
        "xpnet numpy: train_on_batch",
    ]
    assert "### A step, as multiples of the products" in done.stdout


# --- processes and tables ---------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_memory_of_a_fit_is_that_of_its_arrays():
    size = Size((64, 2048, 2048, 10), 16, "Adam")
    task = rules.task_of(size, 2)
    found, _ = processes.ask(  # in a process that has no memory to use again
        1,
        "-c",
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from common import Size\n"
        "from contest import processes, rules\n"
        f"print(processes.memory('numpy by hand', rules.task_of({size!r}, 2)))",
    )
    parameters = sum(w.size + b.size for w, b in task.layers) * 4 / 2**20
    assert 3 * parameters < found < 12 * parameters  # copies, gradients, two moments and more


def test_training_is_told_by_its_loss(monkeypatch):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 80)
    X = np.eye(5, dtype=np.float32)[y]
    task = Task(rules.task_of(TINY, 1).layers, X, y, 8, "Adam")
    before = by_hand.ByHand(task).mean_loss(task.batches)
    assert processes.train("numpy by hand", task) < before / 2


def test_first_steps_are_timed_from_the_model_on():
    assert 0 < processes.first("xpnet", rules.task_of(TINY, 1)) < 10_000


def test_a_process_that_fails_says_why():
    assert processes.ask(1, "-c", "print('x'); print(2.5)")[0] == 2.5
    with pytest.raises(Absent, match="no such thing"):
        processes.ask(1, "-c", "raise SystemExit('no such thing')")


def test_a_process_without_the_library():
    lacking = "ModuleNotFoundError: No module named"
    assert processes._reason(f"Traceback\n{lacking} 'jax'\n") == "not installed"
    assert processes._reason(f"{lacking} 'sklearn.neural_network'") == "not installed"
    assert processes._reason(f"{lacking} 'jaxlib'") == f"{lacking} 'jaxlib'"
    assert processes._reason("") == "it failed without a message"


def test_installed_sizes():
    parts = installed.closure(["xpnet"])
    assert {"xpnet", "numpy", "safetensors", "tqdm"} <= set(parts)
    assert "matplotlib" not in parts
    assert parts["numpy"] > 5e6
    assert all(("MB" in row) != ("reason" in row) for row in installed.sizes().values())


def test_the_report_shows_everything():
    row = {
        "us": vars(Spread(1234.5, 1200, 1300, 9)),
        "floors": vars(Spread(1.5, 1.4, 1.6, 9)),
        "cores": 1.0,
    }
    rival = {**row, "xpnets": {"of": "xpnet", **vars(Spread(2.0, 1.9, 2.1, 9))}}
    table = {"name": "a step of 2-2 b1 SGD", "rows": {"xpnet": row, "torch eager": rival}}
    part = {"machine": {"torch": "9"}, "absent": {"jax.jit": "gone"}, "tables": [table]}
    found = {
        "date": "2000-01-01",
        "command": "peers",
        "machine": {"cpu": "one"},
        "threads": {"1": part},
        "processes": [{"name": "MB", "rows": {"a": {"MB": 2.0, "distributions": 3}}}],
    }
    text = report.markdown(found)
    assert "## 1 thread\n" in text
    assert "### A step of 2-2 b1 SGD" in text
    assert "- left out: jax.jit: gone" in text
    assert "| torch eager | 1,234 | 1.50 (1.40-1.60) | 2.00 (1.90-2.10) | 1.0 |" in text
    assert "| a | 2 MB, 3 distributions |" in text
    assert "### A step, as multiples of the products" in text
    assert "| | xpnet | torch eager |\n|---|---|---|\n| 2-2 b1 SGD | 1.50 | 1.50 |" in text
    pytest.importorskip("matplotlib", reason="the picture needs matplotlib")
    (axes,) = report.plot(found).axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["torch eager", "xpnet"]


def test_the_command_from_end_to_end(tmp_path):
    file = tmp_path / "found.json"
    words = "--threads 1 --sizes 20- --parts steps --rounds 2 --only xpnet numpy --json".split()
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "peers.py"), *words, str(file)],
        env={**environment.environment(1), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    (table,) = found["threads"]["1"]["tables"]
    assert "numpy by hand" in table["rows"]
    assert "torch eager" not in table["rows"]
    assert compare.changes(found, found)[0].ratio == 1
    assert "A step of 20-64-64-3 b32 Adam" in done.stdout
