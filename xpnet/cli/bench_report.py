"""The results of `xpnet bench` as a table, as JSON, as curves, and as advice."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from xpnet import __version__
from xpnet.cli import plot

__all__ = ["BELOW", "Row", "advise", "described", "draw", "table"]

BELOW = """\
A ratio below 1: the whole step took less time than its products do in the backend's own matmul
with as many threads. Compiled steps may use a faster library for products. A ratio close to 1 may
be noise. If other programs are busy, threads wait for each other and the products take longer."""


@dataclass(frozen=True)
class Row:
    """A step of one batch on one backend; times in microseconds, quartiles around the median."""

    batch: int
    backend: str
    threads: int | None  # of the matrix products; None on other devices
    step_us: float
    low_us: float
    high_us: float
    products_us: float
    ratio: float  # of step to products in the same round, with its quartiles
    ratio_low: float
    ratio_high: float

    @property
    def cells(self) -> list[str]:
        return [
            str(self.batch),
            self.backend,
            "-" if self.threads is None else str(self.threads),
            f"{self.step_us:,.1f}",
            f"{self.low_us:,.1f}-{self.high_us:,.1f}",
            f"{self.products_us:,.1f}",
            f"{self.ratio:.2f}",
            f"{self.batch / self.step_us * 1e6:,.0f}",
        ]


def advise(rows: Sequence[Row]) -> str:
    """Which backend is fastest for which batch sizes."""
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


def table(arguments: argparse.Namespace, rows: Sequence[Row], rounds: int) -> str:
    """The measurements as text."""
    head = "batch backend threads step,us quartiles products,us ratio samples/s".split()
    cells = [head, *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    ]
    what = f"a training step by fit against its matrix products alone, medians of {rounds} rounds"
    return "\n".join([_title(arguments), what, "", *lines])


def described(
    arguments: argparse.Namespace,
    rows: Sequence[Row],
    rounds: int,
    reasons: Mapping[str, str],
    advised: str,
) -> dict[str, Any]:
    """The measurements as a dict for JSON."""
    flags = ("layers", "activation", "optimizer", "dtype")
    return {
        "kind": "bench",
        "xpnet": __version__,
        "numpy": np.__version__,
        **{name: getattr(arguments, name) for name in flags},
        "rounds": rounds,
        "rows": [asdict(row) for row in rows],
        "left_out": dict(reasons),
        "advice": advised,
    }


def draw(arguments: argparse.Namespace, rows: Sequence[Row]) -> None:
    """Plot step times against the batch size, and the products alone as dashed lines."""
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
