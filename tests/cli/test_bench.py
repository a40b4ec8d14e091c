"""`xpnet bench`: the table, the advice, and what is refused."""

import argparse
import json
import re

import numpy as np
import pytest

from xpnet import backends
from xpnet.backends.cpu import NumpyBackend
from xpnet.cli import bench, main, memory_budget
from xpnet.cli.bench import batch_sizes, products
from xpnet.cli.bench_report import Row, advise
from xpnet.lowering.cpu import threads as lowering_threads
from xpnet.lowering.cpu.pool import Pool

HEAD = "batch backend threads step,us quartiles products,us ratio samples/s"
SMALL = ["--layers", "5", "4", "3", "--batch", "8"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Few rounds over little data: what is told is tested, not how fast it is."""
    monkeypatch.setattr(bench, "_ROUNDS", 2)
    monkeypatch.setattr(bench, "_NUMBERS", 2**8)
    monkeypatch.setattr(bench, "_SHORTEST", 1e-5)
    monkeypatch.setattr(bench, "_SPIN", 0.0)


@pytest.fixture
def second_backend(monkeypatch):
    """A second backend that works: NumPy under another name, whose steps are NumPy's."""

    class Second(NumpyBackend):
        name = "second"

        def __init__(self):
            super().__init__()
            self.waits = 0

        def synchronize(self):
            self.waits += 1

    made, get, epoch = Second(), backends.get, bench._epoch
    found = [
        backends.Status("numpy", np.__version__, True, "works"),
        backends.Status("second", "1", True, "works"),
        backends.Status("cupy", None, False, "no driver\n(error 35)"),
        backends.Status("torch", "1", True, "works", ("cpu",)),  # is not timed
    ]
    monkeypatch.setattr(backends, "status", lambda: found)
    monkeypatch.setattr(backends, "get", lambda spec: made if spec == "second" else get(spec))
    monkeypatch.setattr(bench, "_epoch", lambda given, batch, _: epoch(given, batch, get("numpy")))
    return made


def rows(**times):
    """A row for each backend and batch, the batches being 4, 16, 64."""
    return [
        Row(batch, name, 1, *3 * [step], 1.0, *3 * [step])
        for name, steps in times.items()
        for batch, step in zip((4, 16, 64), steps, strict=True)
    ]


def test_the_table(run):
    lines = run("bench", *SMALL, "--backend", "numpy").out.splitlines()
    assert lines[0] == "5-4-3, relu, adam, float32"
    assert lines[3].split() == HEAD.split()
    table = [line.split() for line in lines[4:9]]
    assert [row[0] for row in table] == ["1", "2", "8", "32", "128"]
    assert {row[1] for row in table} == {"numpy"}
    for row in table:
        step, floor, ratio = (float(row[i].replace(",", "")) for i in (3, 5, 6))
        assert step > 0
        assert floor > 0
        assert ratio > 0
        assert row[2] == "1"  # these products are not worth a second thread
    assert "numpy is the only backend measured." in lines


def test_every_backend_takes_part_or_has_a_reason(run, second_backend):
    out = run("bench", *SMALL).out
    assert out.count("  numpy  ") == out.count(" second  ") == 5
    assert "cupy is left out: no driver (error 35)" in out
    assert "Fastest: " in out or "Use " in out
    assert second_backend.waits >= 5 * 2 * 2  # around each measurement of the products


@pytest.mark.parametrize(
    ("optimizer", "dtype", "layers"),
    [("sgd", "float64", "5 3"), ("lion", "float32", "5 4 1"), ("adamw", "float32", "5 4 4 2")],
)
def test_other_networks(run, optimizer, dtype, layers):
    flags = ["--optimizer", optimizer, "--dtype", dtype, "--activation", "tanh"]
    out = run("bench", "--layers", *layers.split(), "--batch", 4, "--backend", "numpy", *flags).out
    assert out.startswith(f"{layers.replace(' ', '-')}, tanh, {optimizer}, {dtype}\n")


def test_json(run, tmp_path, second_backend):
    file = tmp_path / "found.json"
    run("bench", *SMALL, "--json", file)
    found = json.loads(file.read_text())
    assert (found["layers"], found["optimizer"]) == ([5, 4, 3], "adam")
    assert [row["backend"] for row in found["rows"]] == ["numpy", "second"] * 5
    assert all(0 < row["low_us"] <= row["step_us"] <= row["high_us"] for row in found["rows"])
    assert list(found["left_out"]) == ["cupy"]
    assert "second" in found["advice"] or "numpy" in found["advice"]


def test_plot(run, tmp_path, second_backend):
    pytest.importorskip("matplotlib", reason="curves need matplotlib")
    file = tmp_path / "times.svg"
    assert run("bench", *SMALL, "--plot", file).out.endswith(f"curves: {file}\n")
    assert file.read_text().startswith("<?xml")


def test_advice():
    assert advise(rows(numpy=(1, 2, 3))) == "numpy is the only backend measured."
    found = advise(rows(numpy=(1, 2, 3), cupy=(2, 3, 4)))
    assert found == "Use numpy: it is the fastest at every batch measured."
    found = advise(rows(numpy=(1, 5, 9), cupy=(4, 4, 4)))
    assert found == "Fastest: numpy for a batch of 4, cupy from 16 on."
    found = advise(rows(numpy=(1, 5, 3), cupy=(4, 4, 4)))
    assert found == "Fastest: numpy for a batch of 4, cupy from 16 on, numpy from 64 on."


def test_batch_sizes():
    assert batch_sizes([784, 128, 10], 64) == [4, 16, 64, 256, 1024]
    assert batch_sizes([5, 3], 1) == [1, 4, 16]
    assert batch_sizes([4096, 4096, 4096], 512) == [32, 128, 512]  # more would last seconds


def test_products_are_those_of_a_step():
    made = []

    class Library:
        ones = staticmethod(np.ones)
        empty = staticmethod(np.empty)

        @staticmethod
        def matmul(a, b, out):
            made.append((a.shape, b.shape, out.shape, out.dtype.name))

    products([5, 4, 3], 8, Library, "float64")()
    assert made == [
        ((8, 5), (5, 4), (8, 4), "float64"),  # forward
        ((5, 8), (8, 4), (5, 4), "float64"),  # the weights' gradient
        ((8, 4), (4, 3), (8, 3), "float64"),
        ((4, 8), (8, 3), (4, 3), "float64"),
        ((8, 3), (3, 4), (8, 4), "float64"),  # the hidden units' gradient
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layers", "5"], "--layers needs at least the numbers of inputs and outputs"),
        ([*SMALL, "--optimizer", "lbfgs"], "lbfgs uses all samples in each step"),
        ([*SMALL, "--optimizer", "adm"], "Did you mean 'adam'?"),
        ([*SMALL, "--activation", "rely"], "Did you mean 'relu'?"),
        ([*SMALL, "--dtype", "int8"], "dtype must be one of"),
        ([*SMALL, "--backend", "nump"], "Did you mean 'numpy'?"),
        ([*SMALL, "--backend", "jax"], "--backend jax: xpnet bench times numpy and cupy."),
        ([*SMALL, "--backend", "numpy", "torch:cpu"], "run benchmarks/peers.py --backends in"),
        ([*SMALL, "--json", "/nowhere/a.json"], "there is no folder /nowhere"),
    ],
)
def test_what_is_refused(capsys, monkeypatch, arguments, message):
    monkeypatch.setattr(bench, "_measure", None)  # nothing is measured
    assert main(["bench", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_backend_that_cannot_run(capsys, monkeypatch):
    found = [backends.Status("cupy", None, False, "no driver")]
    monkeypatch.setattr(backends, "status", lambda: found)

    def refuse(spec):
        raise bench.BackendUnavailableError(f"{spec}: no")

    monkeypatch.setattr(backends, "get", refuse)
    assert main(["bench", *SMALL]) == 2
    err = capsys.readouterr().err
    assert err == "xpnet: error: backend 'cupy' cannot run here: no driver\n"


def test_ratios_are_of_the_same_round():
    drift = [1.0, 2.0, 5.0, 9.0]
    row = bench._row(8, NumpyBackend(), 1000, [3 * d for d in drift], drift)
    assert (row.ratio, row.ratio_low, row.ratio_high) == (3.0, 3.0, 3.0)
    assert (row.step_us, row.products_us) == (10.5, 3.5)


def test_a_ratio_below_1_is_explained(run, monkeypatch):
    def measured(ratio):
        row = Row(8, "numpy", 1, *3 * [ratio], 1.0, *3 * [ratio])
        monkeypatch.setattr(bench, "_measure", lambda *_: [row])
        return run("bench", *SMALL, "--backend", "numpy").out

    assert "A ratio below 1" in measured(0.9)
    assert "A ratio below 1" not in measured(1.0)


class Threads:
    """A BLAS with some threads, and what it is limited to."""

    def __init__(self):
        self.given = []
        self.pool = Pool(lambda: 4, self.given.append)


@pytest.mark.parametrize(("batch", "threads"), [(64, 1), (1024, 4)])
def test_step_and_products_have_as_many_threads(monkeypatch, batch, threads):
    blas = Threads()
    for module in (bench, lowering_threads):
        monkeypatch.setattr(module, "numpys", lambda: blas.pool)
    largest = 2 * batch * 100 * 100
    seen = []

    def product():
        seen.append(blas.given[-1] if blas.pool.limits else 4)

    bench._repeated(product, NumpyBackend(), largest)()
    assert set(seen) == {threads}
    assert not blas.pool.limits
    assert bench._row(batch, NumpyBackend(), largest, [1.0, 1.0], [1.0, 1.0]).threads == threads


def test_threads_of_the_one_before_come_to_rest(monkeypatch):
    found = []
    monkeypatch.setattr(bench, "_SPIN", 0.03)
    for count in (1, 2):
        monkeypatch.setattr(bench, "numpys", lambda n=count: Pool(lambda: n, lambda _: None))
        found.append(bench._rest())
    assert found == [0.0, 0.03]


def test_every_round_begins_with_another(monkeypatch):
    order = []

    def run(name):
        return lambda: order.append(name) or 1.0

    monkeypatch.setattr(bench, "_repeated", lambda *_: run("products"))
    monkeypatch.setattr(bench, "_epoch", lambda *_: run("step"))
    given = argparse.Namespace(layers=[5, 4, 3], dtype="float32")
    bench._measure(given, 8, {"numpy": NumpyBackend()})
    assert order[2:] == ["products", "step", "step", "products"]


# --- memory -----------------------------------------------------------------------------------


def test_too_much_is_refused_before_it_is_allocated(capsys, monkeypatch):
    monkeypatch.setattr(memory_budget, "_free", lambda: 10**9)
    monkeypatch.setattr(bench, "_measure", None)
    assert main(["bench", "--layers", "4096", "10000", "10", "--batch", "100000"]) == 2
    err = capsys.readouterr().err
    assert re.search(
        r"a batch of 100000 take about \d+\.\d GB of memory, but only 1\.0 GB are", err
    )
    assert err.count("\n") == 1


def test_larger_batches_that_do_not_fit_are_left_out(run, monkeypatch):
    limit = memory_budget.needed([5, 4, 3], 8, 8 * bench._steps([5, 4, 3], 8), "float32")
    monkeypatch.setattr(memory_budget, "_free", lambda: limit)
    lines = run("bench", *SMALL, "--backend", "numpy").out.splitlines()
    assert [line.split()[0] for line in lines[4:7]] == ["1", "2", "8"]
    assert lines[7] == ""


def test_memory_budget_is_that_of_the_arrays():
    sizes = []

    class Library:
        @staticmethod
        def ones(shape, dtype):
            sizes.append(np.empty(shape, dtype).nbytes)
            return np.ones(shape, dtype)

        @staticmethod
        def empty(shape, dtype):
            sizes.append(np.empty(shape, dtype).nbytes)
            return np.empty(shape, dtype)

    for layers in ([500, 400, 300], [500, 30]):
        sizes.clear()
        products(layers, 64, Library, "float64")
        data = 100 * 64 * layers[0] * 8
        found = memory_budget.needed(layers, 64, 6400, "float64")
        assert sum(sizes) + data < found < 3 * (sum(sizes) + data)


def test_where_the_system_says_nothing_everything_fits(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", missing)
    assert memory_budget._free() is None
    assert memory_budget.fits([10**9, 10**9], 1, 1, "float32")


def test_the_threads_that_share_a_step_are_those_of_its_products() -> None:
    """Where threads share a step, its products may be too small for the BLAS's own threads."""
    backend, times = NumpyBackend(compiles=True), [1.0, 1.0]
    assert bench._row(64, backend, 1000, times, times, 2).threads == 2
    with bench._limited(backend, 1000, 2):
        assert [*bench.numpys().limits.values()] == [2]
