"""How time and memory grow: series over width, depth, batch and rows, with a line fitted to each.

    OPENBLAS_NUM_THREADS=1 python benchmarks/growth.py [--rounds 15] [--backend numpy]
        [--json FILE] [--plot FILE]

The time is for one training step, or an epoch in the series over rows; the members of a series
are timed in turn. Memory is the peak of NumPy's memory while a model is made and fitted, without
the data; other backends have no such figure. Against parameters, samples of a batch, or rows, both
should be straight lines. R2 says how straight they are. The exponent of the power law through the
upper half of the series is 1 for proportional growth.
"""

from __future__ import annotations

import argparse
import json
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from common import Size, machine, step
from contest.arguments import count, picture, written
from timing import Run, Spread, by_turns


@dataclass(frozen=True)
class Point:
    """One member of a series."""

    size: Size
    rows: int


@dataclass(frozen=True)
class Series:
    """Networks that differ in one respect.

    Attributes
    ----------
    against : str
        The quantity that grows: ``"parameters"``, ``"batch"`` or ``"rows"``.
    """

    name: str
    against: str
    points: tuple[Point, ...]

    def abscissae(self) -> list[float]:
        return [_abscissa(point, self.against) for point in self.points]


def _abscissa(point: Point, against: str) -> float:
    units = point.size.units
    parameters = sum(i * o + o for i, o in pairwise(units))
    return {"parameters": parameters, "batch": point.size.batch, "rows": point.rows}[against]


def series() -> list[Series]:
    """The four series."""
    wide = [Size((64, w, w, 10), 128, "Adam") for w in (64, 128, 256, 512, 1024)]
    deep = [Size((64, *[256] * d, 10), 128, "Adam") for d in (2, 4, 8, 16, 32)]
    many = [Size((256, 256, 256, 10), b, "SGD") for b in (64, 128, 256, 512, 1024, 2048)]
    long = [2**k for k in range(12, 18)]
    return [
        Series("width", "parameters", tuple(Point(s, 4 * s.batch) for s in wide)),
        Series("depth", "parameters", tuple(Point(s, 4 * s.batch) for s in deep)),
        Series("batch", "batch", tuple(Point(s, 2 * s.batch) for s in many)),
        Series("rows", "rows", tuple(Point(Size((32, 64, 10), 256, "Adam"), n) for n in long)),
    ]


def line(x: Sequence[float], y: Sequence[float]) -> dict[str, float]:
    """The least-squares line through points, R2, and the exponent of growth.

    Both minimize relative errors, so that small members of a series count as much as large ones.
    """
    xs, ys = np.asarray(x, float), np.asarray(y, float)
    slope, start = np.polyfit(xs, ys, 1, w=1 / ys)
    left, right = np.log(xs), np.log(ys)
    rest = ys / (start + slope * xs) - 1
    spread = ys / ys.mean() - 1
    half = len(xs) // 2
    exponent = np.polyfit(left[half:], right[half:], 1)[0]
    r2 = 1 - float(rest @ rest) / float(spread @ spread)
    return {"slope": float(slope), "start": float(start), "R2": r2, "exponent": float(exponent)}


def peak_memory(point: Point) -> int:
    """The peak memory in bytes while a model is made and fitted for one epoch, without the data."""
    data = point.size.data(point.rows)
    tracemalloc.start()
    try:
        model = point.size.model("numpy")
        model.fit(*data, epochs=1, batch_size=point.size.batch, verbose=False)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def run_of(point: Point, against: str, backend: str) -> Run:
    """A step, or an epoch if the number of rows grows."""
    model = point.size.model(backend)
    wait = model.build().engine.backend.synchronize
    if against != "rows":
        return Run(step(model, point.size, 8), wait)
    X, y = point.size.data(point.rows)
    batch = point.size.batch
    return Run(lambda: model.fit(X, y, epochs=1, batch_size=batch, verbose=False), wait)


def measure(one: Series, rounds: int, backend: str) -> dict[str, Any]:
    """Time and memory along a series, and the lines through them."""
    runs = {str(i): run_of(point, one.against, backend) for i, point in enumerate(one.points)}
    times = [Spread.of(t.seconds).times(1e6) for t in by_turns(runs, rounds).values()]
    x = one.abscissae()
    found: dict[str, Any] = {
        "series": one.name,
        "against": one.against,
        "x": x,
        "us": [vars(t) for t in times],
        "time": line(x, [t.median for t in times]),
    }
    if backend == "numpy":
        found["bytes"] = [peak_memory(point) for point in one.points]
        found["memory"] = line(x, found["bytes"])
    return found


def told(found: dict[str, Any]) -> list[str]:
    """Rows of the printed table."""
    rows = []
    for what, unit in (("time", "us"), ("memory", "bytes")):
        if what in found:
            fit = found[what]
            rows.append(
                f"| {found['series']} | {what} | {fit['slope']:.4g} {unit} / {found['against']} | "
                f"{fit['start']:.4g} {unit} | {fit['R2']:.4f} | {fit['exponent']:.2f} |"
            )
    return rows


def plot(tables: Sequence[dict[str, Any]]) -> Any:
    """Measurements and lines: a column for each series, time above memory."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.6 * len(tables), 6), layout="constrained")
    for column, found in enumerate(tables):
        values = {"time": ("us", [t["median"] for t in found["us"]])}
        if "memory" in found:
            values["memory"] = ("bytes", found["bytes"])
        for row, (what, (unit, y)) in enumerate(values.items()):
            axes = figure.add_subplot(2, len(tables), row * len(tables) + column + 1)
            x, fit = np.asarray(found["x"]), found[what]
            axes.loglog(x, y, "o", color="#0072b2")
            axes.loglog(x, fit["start"] + fit["slope"] * x, color="#e69f00")
            axes.set(xlabel=found["against"], ylabel=unit, title=f"{found['series']}: {what}")
    return figure


def options(words: list[str] | None = None) -> argparse.Namespace:
    """The command-line options."""
    from xpnet import backends
    from xpnet.errors import XpnetError

    names = [one.name for one in series()]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--rounds", type=count, default=15, metavar="N", help="default: 15")
    add("--only", nargs="+", default=names, choices=names, help="some of the series")
    add("--backend", default="numpy", help="numpy (default), cupy, cupy:1, ...")
    add("--json", type=written, metavar="FILE", help="write the measurements")
    add("--plot", type=picture, metavar="FILE", help="draw series and lines (.png, .pdf, .svg)")
    given = parser.parse_args(words)
    try:
        backends.get(given.backend)
    except XpnetError as error:
        parser.error(f"--backend {given.backend}: {error}")
    return given


def main() -> None:
    given = options()
    print("| series | | slope | at 0 | R2 | exponent |\n|---|---|---|---|---|---|")
    tables = []
    for one in series():
        if one.name in given.only:
            found = measure(one, given.rounds, given.backend)
            tables.append(found)
            print(*told(found), sep="\n", flush=True)
    if given.json:
        with open(given.json, "w") as file:
            json.dump({"machine": machine(), "series": tables}, file, indent=1)
    if given.plot:
        plot(tables).savefig(given.plot, dpi=150)


if __name__ == "__main__":
    main()
