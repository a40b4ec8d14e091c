"""`xpnet bench`: a training step of your own network on each backend, as the batch grows."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import pairwise
from statistics import median, quantiles
from time import perf_counter, sleep
from typing import Any

import numpy as np

from xpnet import backends
from xpnet.backends.base import PlannedBackend
from xpnet.backends.data_types import check_float
from xpnet.cli import memory_budget, plot
from xpnet.cli.bench_report import BELOW, Row, advise, described, draw, table
from xpnet.errors import ArgumentError, BackendUnavailableError
from xpnet.lowering import shares
from xpnet.lowering.cpu.pool import numpys
from xpnet.lowering.cpu.threads import advice
from xpnet.mlp import MLP
from xpnet.model import Model
from xpnet.nn import activation
from xpnet.optim import get_optimizer
from xpnet.saving.whole_file import check_place, writing

__all__ = ["bench", "check", "network", "products", "random_data"]

_ROUNDS = 7
_LEARNING_RATE = 1e-4  # so small that no network diverges on random data
_NUMBERS = 2**24  # in the data of an epoch: enough to amortize the one-time work of `fit`
_LONGEST = (
    2 * 10**10
)  # the most operations in a step, for batch sizes that the user did not ask for
_SHORTEST = 0.01  # seconds for which the products are repeated
_SPIN = 0.03  # seconds after which OpenBLAS's idle threads stop spinning
_OTHERS = ("torch", "jax")  # libraries whose matrix products `products` cannot compute


def bench(arguments: argparse.Namespace) -> None:
    """Measure, print the table and the advice, and write the requested files.

    Raises
    ------
    XpnetError
        For settings that cannot be used, or if no backend can run.
    """
    check(arguments)
    usable, reasons = _usable(arguments.backend)
    rows = []
    for batch in _fitting(arguments):
        rows += _measure(arguments, batch, usable)
    advised = advise(rows)
    print(table(arguments, rows, _ROUNDS))
    print(f"\n{advised}")
    if any(row.ratio < 1 for row in rows):
        print(BELOW)
    for name, reason in reasons.items():
        print(f"{name} is left out: {' '.join(reason.split())}")
    if arguments.json:
        found = described(arguments, rows, _ROUNDS, reasons, advised)
        with writing(arguments.json) as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if arguments.plot:
        draw(arguments, rows)


def check(arguments: argparse.Namespace) -> None:
    """Check all settings before anything is measured."""
    if len(arguments.layers) < 2:
        raise ArgumentError(
            "--layers needs at least the numbers of inputs and outputs, with hidden units "
            f"between them, such as 784 128 10; got {' '.join(map(str, arguments.layers))}."
        )
    if get_optimizer(arguments.optimizer).whole_batch:
        raise ArgumentError("lbfgs uses all samples in each step: no step of a batch can be timed.")
    check_float(arguments.dtype)
    activation(arguments.activation)
    if arguments.plot is not None:
        plot.check(arguments.plot)
    if arguments.json is not None:
        check_place(arguments.json)
    rows = arguments.batch * _steps(arguments.layers, arguments.batch)
    memory_budget.check(arguments.layers, arguments.batch, rows, arguments.dtype)


def _usable(names: Sequence[str] | None) -> tuple[dict[str, PlannedBackend], dict[str, str]]:
    """The backends that run here, and why the others do not.

    Raises
    ------
    ArgumentError
        For a library that cannot be timed.
    """
    found: dict[str, PlannedBackend] = {}
    reasons: dict[str, str] = {}
    known = {s.name: s.reason for s in backends.status() if _library(s.name) not in _OTHERS}
    for name in names or ():
        if _library(name) in _OTHERS:
            raise ArgumentError(
                f"--backend {name}: xpnet bench times numpy and cupy. For PyTorch and JAX, run "
                "benchmarks/peers.py --backends in xpnet's repository."
            )
    for name in names or known:
        try:
            backend: Any = backends.get(name)
        except BackendUnavailableError as error:
            reasons[name] = known.get(name, str(error))
        else:
            found[backend.name] = backend
    if not found:
        raise BackendUnavailableError(
            "; ".join(f"backend {name!r} cannot run here: {why}" for name, why in reasons.items())
        )
    return found, reasons


def _library(name: str) -> str:
    """The name of a backend without its device."""
    return name.partition(":")[0]


def batch_sizes(layers: Sequence[int], batch: int) -> list[int]:
    """The given batch size, smaller ones, and larger ones whose steps are still short."""
    weights = sum(i * o for i, o in pairwise(layers))
    sizes = {max(1, batch * 4**k // 16) for k in range(5)}
    return sorted(s for s in sizes if s <= batch or 6 * weights * s <= _LONGEST)


def _fitting(arguments: argparse.Namespace) -> list[int]:
    """The batch sizes that fit into memory."""
    layers, dtype = arguments.layers, arguments.dtype
    sizes = batch_sizes(layers, arguments.batch)
    return [s for s in sizes if memory_budget.fits(layers, s, s * _steps(layers, s), dtype)]


def _steps(layers: Sequence[int], batch: int) -> int:
    """How many steps an epoch has."""
    return max(4, min(512, _NUMBERS // (batch * layers[0])))


def products(
    layers: Sequence[int], batch: int, raw: Any, dtype: str = "float32"
) -> Callable[[], None]:
    """The matrix products of one training step and nothing else: the floor.

    Each layer has the forward product ``x W`` and the weight gradient ``x^T g``; each except the
    first also has the input gradient ``g W^T``. All are written into existing memory.
    """
    calls = []
    for layer, (i, o) in enumerate(pairwise(layers)):
        x, w, g = (raw.ones(s, dtype=dtype) for s in ((batch, i), (i, o), (batch, o)))
        calls += [(x, w, raw.empty(g.shape, dtype=dtype))]
        calls += [(x.T, g, raw.empty(w.shape, dtype=dtype))]
        if layer:
            calls.append((g, w.T, raw.empty(x.shape, dtype=dtype)))

    def run() -> None:
        for a, b, out in calls:
            raw.matmul(a, b, out=out)

    return run


def _measure(
    arguments: argparse.Namespace, batch: int, usable: Mapping[str, PlannedBackend]
) -> list[Row]:
    """Time the step and its products on each backend in turn; each round starts with another."""
    runs: dict[tuple[str, str], Callable[[], float]] = {}
    sizes = [i * o for i, o in pairwise(arguments.layers)]
    largest = 2 * batch * max(sizes)
    shared = {n: shares(b, None, batch, 6 * batch * sum(sizes)) for n, b in usable.items()}
    for name, backend in usable.items():
        floor = products(arguments.layers, batch, backend.raw, arguments.dtype)
        runs[name, "products"] = _repeated(floor, backend, largest, shared[name])
        runs[name, "step"] = _epoch(arguments, batch, backend)
    for run in runs.values():
        run()
    times: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    keys, rest = list(runs), _rest() if "numpy" in usable else 0.0
    for turn in range(_ROUNDS):
        first = turn % len(keys)
        for key in keys[first:] + keys[:first]:
            sleep(rest)
            times[key].append(1e6 * runs[key]())
    return [
        _row(batch, backend, largest, times[name, "step"], times[name, "products"], shared[name])
        for name, backend in usable.items()
    ]


def _rest() -> float:
    """Seconds after which the previous run's threads have left their cores to the next run."""
    return 0.0 if numpys().count == 1 else _SPIN


def _row(
    batch: int,
    backend: PlannedBackend,
    largest: int,
    steps: Sequence[float],
    floors: Sequence[float],
    shared: int = 1,
) -> Row:
    low, middle, high = quantiles(steps, n=4, method="inclusive")
    ratios = [step / floor for step, floor in zip(steps, floors, strict=True)]
    below, ratio, above = quantiles(ratios, n=4, method="inclusive")
    threads = None
    if backend.name == "numpy":
        threads = shared if shared > 1 else advice(largest) or numpys().count
    times = (middle, low, high, median(floors))
    return Row(batch, backend.name, threads, *times, ratio, below, above)


def _limited(backend: PlannedBackend, operations: int, shared: int) -> AbstractContextManager[None]:
    """Give NumPy's products as many threads as a step with this largest product uses.

    Only NumPy's BLAS is limited: a step may leave it one thread when another library uses the rest.
    """
    threads = shared if shared > 1 else advice(operations) if backend.name == "numpy" else None
    return numpys().limited(threads) if threads else nullcontext()


def _timed(run: Callable[[], Any], backend: PlannedBackend, count: int = 1) -> float:
    """Seconds that some calls take, including the wait for the device."""
    backend.synchronize()
    start = perf_counter()
    for _ in range(count):
        run()
    backend.synchronize()
    return perf_counter() - start


def _repeated(
    run: Callable[[], None], backend: PlannedBackend, operations: int, shared: int = 1
) -> Callable[[], float]:
    """A timer of the call: the seconds of one, over enough repetitions for the clock."""

    def timed(count: int = 1) -> float:
        with _limited(backend, operations, shared):
            run()  # wakes idle threads
            return _timed(run, backend, count) / count

    timed()
    count = max(1, round(_SHORTEST / timed()))
    return lambda: timed(count)


def _epoch(
    arguments: argparse.Namespace, batch: int, backend: PlannedBackend
) -> Callable[[], float]:
    """A timer of `fit`: the seconds of one step, over an epoch of random data on the device."""
    steps = _steps(arguments.layers, batch)
    data, model = random_data(arguments, steps * batch, backend), network(arguments, backend)
    fit = partial(model.fit, *data, epochs=1, batch_size=batch, verbose=False)
    return lambda: _timed(fit, backend) / steps


def random_data(
    arguments: argparse.Namespace, rows: int, backend: PlannedBackend
) -> tuple[Any, Any]:
    """Samples and targets for the network."""
    inputs, outputs = arguments.layers[0], arguments.layers[-1]
    rng = np.random.default_rng(0)
    X = backend.asarray(rng.standard_normal((rows, inputs), "float32"), arguments.dtype)
    if outputs == 1:
        return X, backend.asarray(rng.standard_normal((rows, 1)), arguments.dtype)
    return X, backend.asarray(rng.integers(0, outputs, rows))


def network(arguments: argparse.Namespace, backend: PlannedBackend) -> Model:
    """The network to measure."""
    return MLP(
        arguments.layers,
        arguments.activation,
        loss="mean_squared_error" if arguments.layers[-1] == 1 else "softmax_cross_entropy",
        optimizer=get_optimizer(arguments.optimizer, _LEARNING_RATE),
        backend=backend,
        dtype=arguments.dtype,
    )
