"""`xpnet bench`: a training step of one's own network on each backend, as the batch grows."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import numpy as np

from xpnet import __version__, backends
from xpnet.backends.base import PlannedBackend, check_float
from xpnet.cli import plot
from xpnet.errors import ArgumentError, BackendUnavailableError
from xpnet.nn import activation
from xpnet.optim import LBFGS, get_optimizer
from xpnet.train import MLP
from xpnet.train.saving.file import check_place

__all__ = ["bench", "products"]

_ROUNDS = 7
_RATE = 1e-4  # so small that no network diverges on random data
_NUMBERS = 2**24  # in the data of an epoch, so many that what `fit` does once is shared
_LONGEST = 2 * 10**10  # operations of a step of a batch that was not asked for
_SHORTEST = 0.01  # seconds for which the products are repeated


@dataclass(frozen=True)
class Row:
    """A step of one batch on one backend; times in microseconds, quartiles around the median."""

    batch: int
    backend: str
    step_us: float
    low_us: float
    high_us: float
    products_us: float

    @property
    def cells(self) -> list[str]:
        ratio = self.step_us / self.products_us
        rate = self.batch / self.step_us * 1e6
        return [
            str(self.batch),
            self.backend,
            f"{self.step_us:,.1f}",
            f"{self.low_us:,.1f}-{self.high_us:,.1f}",
            f"{self.products_us:,.1f}",
            f"{ratio:.2f}",
            f"{rate:,.0f}",
        ]


def bench(arguments: argparse.Namespace) -> None:
    """Measure, print the table and which backend to use, and write the files asked for.

    Raises
    ------
    XpnetError
        For settings that cannot be used, or if no backend can run.
    """
    _check(arguments)
    usable, reasons = _usable(arguments.backend)
    rows = []
    for batch in batch_sizes(arguments.layers, arguments.batch):
        rows += _measure(arguments, batch, usable)
    advice = advise(rows)
    print(_table(arguments, rows))
    print(f"\n{advice}")
    for name, reason in reasons.items():
        print(f"{name} is left out: {' '.join(reason.split())}")
    if arguments.json:
        found = _described(arguments, rows, reasons, advice)
        Path(arguments.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if arguments.plot:
        _draw(arguments, rows)


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what can be refused before anything is measured."""
    if len(arguments.layers) < 2:
        raise ArgumentError(
            "--layers needs the numbers of inputs and of outputs at least, with hidden units "
            f"between them, such as 784 128 10; got {' '.join(map(str, arguments.layers))}."
        )
    if isinstance(get_optimizer(arguments.optimizer), LBFGS):
        raise ArgumentError("lbfgs takes all samples at once: there is no step of a batch to time.")
    check_float(arguments.dtype)
    activation(arguments.activation)
    if arguments.plot is not None:
        plot.check(arguments.plot)
    if arguments.json is not None:
        check_place(arguments.json)


def _usable(names: Sequence[str] | None) -> tuple[dict[str, PlannedBackend], dict[str, str]]:
    """The backends that run here, and why the others do not."""
    found: dict[str, PlannedBackend] = {}
    reasons: dict[str, str] = {}
    known = {status.name: status.reason for status in backends.status()}
    for name in names or known:
        try:
            backend = backends.get(name)
        except BackendUnavailableError as error:
            reasons[name] = known.get(name, str(error))
        else:
            assert isinstance(backend, PlannedBackend)  # as all that have names are
            found[backend.name] = backend
    if not found:
        raise BackendUnavailableError(
            "; ".join(f"backend {name!r} cannot run here: {why}" for name, why in reasons.items())
        )
    return found, reasons


def batch_sizes(layers: Sequence[int], batch: int) -> list[int]:
    """The batch size, smaller ones, and larger ones as long as a step of them is short."""
    weights = sum(i * o for i, o in pairwise(layers))
    sizes = {max(1, batch * 4**k // 16) for k in range(5)}
    return sorted(s for s in sizes if s <= batch or 6 * weights * s <= _LONGEST)


def products(
    layers: Sequence[int], batch: int, raw: Any, dtype: str = "float32"
) -> Callable[[], None]:
    """The matrix products of one training step and nothing else: the floor.

    Forward ``x W`` and weight gradient ``x^T g`` of each layer, input gradient ``g W^T`` of each
    but the first, all written into memory that is there already.
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
    """Time the step and its products on each backend, by turns."""
    runs: dict[tuple[str, str], Callable[[], float]] = {}
    for name, backend in usable.items():
        floor = products(arguments.layers, batch, backend.raw, arguments.dtype)
        runs[name, "products"] = _repeated(floor, backend)
        runs[name, "step"] = _epoch(arguments, batch, backend)
    for run in runs.values():
        run()
    times: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    for _ in range(_ROUNDS):
        for key, run in runs.items():
            times[key].append(1e6 * run())
    rows = []
    for name in usable:
        low, middle, high = quantiles(times[name, "step"], n=4, method="inclusive")
        rows.append(Row(batch, name, middle, low, high, median(times[name, "products"])))
    return rows


def _timed(run: Callable[[], Any], backend: PlannedBackend, count: int = 1) -> float:
    """Seconds of some calls, with the wait for what they asked of the device."""
    backend.synchronize()
    start = perf_counter()
    for _ in range(count):
        run()
    backend.synchronize()
    return perf_counter() - start


def _repeated(run: Callable[[], None], backend: PlannedBackend) -> Callable[[], float]:
    """Times the call: seconds of one, over so many that the clock sees them."""
    _timed(run, backend)
    count = max(1, round(_SHORTEST / _timed(run, backend)))
    return lambda: _timed(run, backend, count) / count


def _epoch(
    arguments: argparse.Namespace, batch: int, backend: PlannedBackend
) -> Callable[[], float]:
    """Times `fit`: seconds of one step, over an epoch of random data on the device."""
    inputs, outputs = arguments.layers[0], arguments.layers[-1]
    steps = max(4, min(512, _NUMBERS // (batch * inputs)))
    rng = np.random.default_rng(0)
    X = backend.asarray(rng.standard_normal((steps * batch, inputs), "float32"), arguments.dtype)
    if outputs == 1:
        y = backend.asarray(rng.standard_normal((steps * batch, 1)), arguments.dtype)
    else:
        y = backend.asarray(rng.integers(0, outputs, steps * batch))
    model = MLP(
        arguments.layers,
        arguments.activation,
        loss="mean_squared_error" if outputs == 1 else "softmax_cross_entropy",
        optimizer=get_optimizer(arguments.optimizer, _RATE),
        backend=backend,
        dtype=arguments.dtype,
    )
    fit = lambda: model.fit(X, y, epochs=1, batch_size=batch, verbose=False)  # noqa: E731
    return lambda: _timed(fit, backend) / steps


def advise(rows: Sequence[Row]) -> str:
    """Which backend is the fastest for which batches."""
    names = list(dict.fromkeys(row.backend for row in rows))
    if len(names) == 1:
        return f"{names[0]} is the only backend measured."
    best: list[tuple[int, str]] = []
    for batch in dict.fromkeys(row.batch for row in rows):
        here = [row for row in rows if row.batch == batch]
        best.append((batch, min(here, key=lambda row: row.step_us).backend))
    winners = [name for _, name in best]
    if len(set(winners)) == 1:
        return f"Use {winners[0]}: it is the fastest at every batch measured."
    parts = [f"{best[0][1]} for a batch of {best[0][0]}"]
    parts += [f"{new} from {batch} on" for (_, old), (batch, new) in pairwise(best) if new != old]
    return f"Fastest: {', '.join(parts)}."


def _title(arguments: argparse.Namespace) -> str:
    layers = "-".join(map(str, arguments.layers))
    return f"{layers}, {arguments.activation}, {arguments.optimizer}, {arguments.dtype}"


def _table(arguments: argparse.Namespace, rows: Sequence[Row]) -> str:
    head = "batch backend step,us quartiles products,us ratio samples/s".split()
    cells = [head, *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    ]
    what = f"a training step by fit against its matrix products alone, medians of {_ROUNDS} rounds"
    return "\n".join([_title(arguments), what, "", *lines])


def _described(
    arguments: argparse.Namespace, rows: Sequence[Row], reasons: Mapping[str, str], advice: str
) -> dict[str, Any]:
    flags = ("layers", "activation", "optimizer", "dtype")
    return {
        "xpnet": __version__,
        "numpy": np.__version__,
        **{name: getattr(arguments, name) for name in flags},
        "rounds": _ROUNDS,
        "rows": [asdict(row) for row in rows],
        "left_out": dict(reasons),
        "advice": advice,
    }


def _draw(arguments: argparse.Namespace, rows: Sequence[Row]) -> None:
    """Step times, and the products dashed below them, against the batch."""
    from xpnet.plot.canvas import COLORS, axes

    ax = axes(None)
    for color, name in zip(COLORS, dict.fromkeys(row.backend for row in rows), strict=False):
        own = [row for row in rows if row.backend == name]
        batches = [row.batch for row in own]
        ax.loglog(batches, [row.step_us for row in own], "o-", color=color, label=name)
        floor = [row.products_us for row in own]
        ax.loglog(batches, floor, "--", color=color, label=f"{name}, products alone")
    ax.set(xlabel="batch", ylabel="one step, us", title=_title(arguments))
    ax.legend()
    plot.save(ax.figure, arguments.plot)
    print(f"curves: {arguments.plot}")
