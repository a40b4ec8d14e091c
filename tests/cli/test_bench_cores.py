"""`xpnet bench --cores`: what is computed, and from what."""

import json
import sys

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="threads share compiled steps only")

from xpnet import MLP, backends
from xpnet.backends.cpu import NumpyBackend
from xpnet.cli import bench_cores, main, timed_parts
from xpnet.cli.bench_cores import row_of
from xpnet.cli.exchanged_bytes import exchanged
from xpnet.cli.timed_parts import TimedStep, compiled_step, measure
from xpnet.engine.entry import accept
from xpnet.lowering.cpu.sharing import Access, Item

HEAD = "cores serial rows sliced work meetings exchanged,MB step,us speed-up"
SMALL = ["--layers", "5", "4", "3", "--batch", "8"]
LARGE = ["--layers", "200", "200", "10", "--batch", "128"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Few rounds: what is told is tested, not how fast it is."""
    for module in (timed_parts, bench_cores):
        monkeypatch.setattr(module, "ROUNDS", 2)
    monkeypatch.setattr(timed_parts, "_REPEATS", 10)


@pytest.fixture(autouse=True)
def compiled(monkeypatch):
    """NumPy's steps are compiled, whatever the settings say."""
    backend = NumpyBackend(compiles=True)
    monkeypatch.setattr(backends, "get", lambda _: backend)
    return backend


@pytest.mark.parametrize(
    "flags", [[], ["--optimizer", "sgd", "--dtype", "float64", "--activation", "tanh"]], ids=len
)
def test_the_table(run, flags):
    lines = run("bench", *SMALL, *flags, "--cores", 4, 1, 2, 4).out.splitlines()
    assert lines[0].startswith("5-4-3, ")
    assert "computed, not measured" in lines[1]
    assert lines[4].split() == HEAD.split()
    table = [line.split() for line in lines[5:8]]
    assert [row[0] for row in table] == ["1", "2*", "4*"]
    assert table[0][1:7] == ["100.00%", "0.00%", "0.00%", "1.00", "0", "0.00"]
    assert table[0][-1] == "1.00"
    for row in table:
        assert sum(float(cell.rstrip("%")) for cell in row[1:4]) == pytest.approx(100, abs=0.02)
    assert lines[-1].startswith("* fit chooses fewer threads")


def test_what_a_fit_would_choose_has_no_mark(run):
    out = run("bench", *LARGE, "--cores", 2, 8).out
    assert [line.split()[0] for line in out.splitlines()[5:7]] == ["2", "8*"]
    out = run("bench", *LARGE, "--cores", 2).out
    assert "*" not in out


def test_json(run, tmp_path):
    file = tmp_path / "found.json"
    run("bench", *LARGE, "--cores", 1, 2, 3, "--json", file)
    found = json.loads(file.read_text())
    assert (found["layers"], found["batch"], found["optimizer"]) == ([200, 200, 10], 128, "adam")
    rows = found["rows"]
    assert [row["cores"] for row in rows] == [row["chosen"] for row in rows] == [1, 2, 3]
    assert rows[0]["speed_up"] == rows[0]["work"] == rows[0]["serial"] == 1.0
    assert rows[0]["meetings"] == rows[0]["exchanged"] == 0
    for row in rows[1:]:
        assert row["serial"] + row["rows"] + row["sliced"] == pytest.approx(1)
        assert min(row["serial"], row["rows"], row["sliced"]) > 0
        assert row["meetings"] >= 2
    # All weights are read by both: 4 bytes each; then some gradients and activations.
    weights = 4 * (200 * 200 + 200 * 10 + 210)
    assert weights < rows[1]["exchanged"] < rows[2]["exchanged"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--cores", "65"], "--cores must be a whole number of at least 1 and below 65, got 65"),
        (["--cores", "2", "--plot", "a.png"], "omit --backend and --plot"),
        (["--cores", "2", "--backend", "cupy"], "omit --backend and --plot"),
        (["--cores", "2", "--optimizer", "lbfgs"], "lbfgs uses all samples in each step"),
        (["--cores", "2", "--json", "/nowhere/a.json"], "there is no folder /nowhere"),
    ],
)
def test_what_is_refused(capsys, monkeypatch, flags, message):
    monkeypatch.setattr(bench_cores, "compiled_step", None)
    assert main(["bench", *SMALL, *flags]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("cores", [["0"], ["two"], ["1.5"], ["2", "-1"], []])
def test_cores_that_cannot_be(capsys, cores):
    with pytest.raises(SystemExit) as stopped:
        main(["bench", *SMALL, "--cores", *cores])
    assert stopped.value.code == 2
    assert "argument --cores: expected" in capsys.readouterr().err


def test_without_the_extra(capsys, monkeypatch):
    monkeypatch.setattr(backends, "get", lambda _: NumpyBackend())
    assert main(["bench", *SMALL, "--cores", "2"]) == 2
    needed = "--cores needs compiled steps: pip install 'xpnet[fast]' "
    assert f"{needed}(and do not set XPNET_FAST=0)." in capsys.readouterr().err


def test_a_broken_llvm(capsys, monkeypatch):
    monkeypatch.delattr("xpnet.lowering.cpu.jit")
    monkeypatch.setitem(sys.modules, "xpnet.lowering.cpu.jit", None)
    assert main(["bench", *SMALL, "--cores", "2"]) == 2
    assert "pip install 'xpnet[fast]' (" in capsys.readouterr().err


def test_a_step_that_is_not_compiled_as_a_whole(capsys, monkeypatch):
    monkeypatch.setattr(timed_parts, "step_program", lambda *_, **__: None)
    assert main(["bench", *SMALL, "--cores", "2"]) == 2
    assert "not compiled as a whole" in capsys.readouterr().err


# --- the step -------------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize("threads", [1, 3])
def test_one_thread_makes_the_step(compiled, threads):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(64, 5)), rng.integers(0, 3, 64)

    def made():
        model = MLP([5, 4, 3], backend=compiled).build()
        engine, data = accept(model.config, model.engine, X, y)
        return model, compiled_step(engine, data, 16, threads)

    (model, step), (other, wanted) = made(), made()
    before = model.state_dict()
    measure([step])
    assert len(step.times) == 2
    wanted.held[0].begin(0, 0)
    wanted.held[0].run(4)
    assert wanted.held[0].batch == 4  # each round makes two steps
    for name, array in model.state_dict().items():
        assert np.array_equal(array, other.state_dict()[name])
        assert not np.array_equal(array, before[name])


def step_of(times, threads, chosen=1, checked=2):
    """A step with these times, in every round alike."""
    made = TimedStep(threads, chosen, 10, times, checked, None, ())
    made.times = [times] * 3
    return made


def test_what_follows_from_times():
    one = step_of([[0.0], [6.0], [1.0], [3.0], [0.0]], 1)
    two = step_of([[1.0], [2.0, 4.0], [2.0], [3.0, 2.0], [2.0]], 2)
    row = row_of(two, one, meeting=0.5)
    assert (row.serial, row.rows, row.sliced) == (5 / 16, 6 / 16, 5 / 16)
    assert (row.meetings, row.work) == (2, 1.6)
    assert row.step_us == 1e6 * (1 + 4 + 2 + 3 + 2 + 2 * 0.5)
    assert row.speed_up == 10 / 13
    assert row_of(one, one, meeting=0.5).speed_up == 1.0


def test_more_threads_need_longer_to_meet():
    times = [[0.0], [1.0] * 8, [0.0]]
    row = row_of(step_of(times, 8), step_of([[0.0], [8.0], [0.0]], 1), meeting=0.25)
    assert row.speed_up == 8 / (1 + 0.25 * 8 / 2)


# --- bytes that are exchanged ---------------------------------------------------------------------


class Work(Item):
    """Reads and writes some bytes."""

    def __init__(self, *accesses):
        self.shared = list(accesses)


def by_rows(low, high, writes=False):
    return Access(low, high, 8, (high - low) // 8, writes)


def by_all(low, high, writes=False):
    return Access(low, high, 0, 0, writes)


def test_each_thread_finds_its_own_rows():
    places = [[], [Work(by_rows(0, 64, True))], [], [Work(by_rows(0, 64))]]
    assert exchanged(places, 4) == 0
    assert exchanged(places, 1) == 0


def test_each_thread_reads_all_rows():
    places = [[], [Work(by_rows(0, 64, True))], [], [Work(by_all(0, 64)), Work(by_all(0, 64))]]
    assert exchanged(places, 4) == 4 * 64 * 3 / 4
    assert exchanged(places, 1) == 0


def test_other_units_than_those_written():
    places = [[], [Work(by_rows(0, 64, True))], [], [Work(Access(0, 64, 4, 16, False))]]
    assert exchanged(places, 4) == 64 * 3 / 4


def test_what_one_thread_reads_or_writes():
    places = [[], [Work(by_rows(0, 64, True))], [Work(by_all(0, 64))]]
    assert exchanged(places, 4) == 64 * 3 / 4
    places = [[Work(by_all(0, 64, True))], [Work(by_all(0, 64))]]
    assert exchanged(places, 4) == 64 * 3


def test_a_step_reads_what_the_one_before_it_wrote():
    places = [[], [Work(by_all(0, 64))], [], [Work(by_rows(0, 64, True))]]
    assert exchanged(places, 2) == 64


def test_the_last_write_counts():
    rows, part = Work(by_rows(0, 64, True)), Work(by_all(0, 16, True))
    reads = Work(by_rows(0, 64))
    assert exchanged([[], [rows], [part], [reads]], 2) == 16 / 2
    assert exchanged([[], [part], [], [rows], [], [reads]], 2) == 0
