"""The pictures of a report: curves, named values, bars, points."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xpnet.cli.page.chart import Chart
from xpnet.cli.page.markup import Html, element
from xpnet.cli.words import fit

__all__ = [
    "Line",
    "curves",
    "date_ticks",
    "histogram",
    "named_values",
    "points",
    "shares",
    "sparkline",
]

_NAME = 18
_MOST_POINTS = 1500
_SPARK = 120, 22


class Line(NamedTuple):
    """A line of a picture: its name, and its numbers."""

    name: str
    ys: Sequence[float]


def curves(
    xs: Sequence[float],
    lines: Sequence[Line],
    *,
    about: str,
    x_label: str = "",
    x_ticks: Sequence[tuple[float, str]] | None = None,
    dotted: bool = False,
    mark: float | None = None,
) -> Html:
    """Lines over the same numbers; `mark` is drawn as a line upwards."""
    known = np.concatenate([np.asarray(line.ys, dtype=np.float64) for line in lines])
    known = known[np.isfinite(known)]
    low, high = _span(known)
    chart = Chart((min(xs), max(xs)), (low, high), x_label=x_label, x_ticks=x_ticks)
    if mark is not None:
        chart.line([mark, mark], [low, high], "mark")
    for i, line in enumerate(lines):
        chart.line(xs, line.ys, f"c{i}")
        if dotted or len(xs) == 1:
            chart.dots(xs, line.ys, f"c{i}")
    return chart.svg(about)


def named_values(names: Sequence[str], lines: Sequence[Line], *, about: str) -> Html:
    """A row for each name, with a dot for each line."""
    count = len(names)
    low, high = _span(np.concatenate([np.asarray(line.ys) for line in lines]))
    rows = [(float(-i), fit(name, _NAME)) for i, name in enumerate(names)]
    chart = Chart((low, high), (0.5 - count, 0.5), y_ticks=rows, height=max(18 * count + 34, 90))
    for i, line in enumerate(lines):
        chart.dots(line.ys, [-float(j) for j in range(count)], f"c{i} large")
    return chart.svg(about)


def shares(
    edges: Sequence[float],
    said: Sequence[float],
    right: Sequence[float],
    rows: Sequence[float],
    *,
    about: str,
) -> Html:
    """How often predictions are right, over their probability, and how many there are."""
    chart = Chart((0.0, 1.0), (0.0, 1.0), x_label="probability of the predicted class")
    most = max(rows) or 1.0
    for i, count in enumerate(rows):
        chart.bar((edges[i] + 0.005, edges[i + 1] - 0.005), (0.0, 0.3 * count / most), "faint")
    chart.line([0.0, 1.0], [0.0, 1.0], "mark")
    full = [i for i, count in enumerate(rows) if count]
    x, y = [said[i] for i in full], [right[i] for i in full]
    chart.line(x, y, "c0")
    chart.dots(x, y, "c0 large")
    return chart.svg(about)


def points(
    xs: NDArray[np.float64],
    ys: NDArray[np.float64],
    *,
    about: str,
    x_label: str,
    diagonal: bool = False,
) -> Html:
    """At most 1,500 points, and the line where both numbers are equal, or the second is 0."""
    step = -(-len(xs) // _MOST_POINTS)
    x, y = xs[::step].tolist(), ys[::step].tolist()
    across, upward = (min(x), max(x)), (min(y), max(y))
    if diagonal:
        across = upward = min(across[0], upward[0]), max(across[1], upward[1])
    chart = Chart(across, upward, x_label=x_label)
    chart.dots(x, y, "c0 cloud")
    chart.line(across, across if diagonal else (0.0, 0.0), "mark")
    return chart.svg(about)


def histogram(values: NDArray[np.float64], *, about: str, x_label: str, bins: int = 40) -> Html:
    """Bars of the middle 99 % of the numbers."""
    low, high = np.quantile(values, (0.005, 0.995)).tolist()
    counts, edges = np.histogram(values, bins, (low, high) if low < high else None)
    chart = Chart((edges[0], edges[-1]), (0.0, float(counts.max())), x_label=x_label)
    for i, count in enumerate(counts.tolist()):
        chart.bar((edges[i], edges[i + 1]), (0.0, count), "b0 thin")
    return chart.svg(about)


def sparkline(counts: Sequence[float]) -> Html:
    """Bars without axes, for a cell of a table; the cell next to it says the same in words."""
    width, height = _SPARK
    most, step = max(counts, default=0) or 1, width / max(len(counts), 1)
    path = "".join(
        f"M{i * step:.1f} {height}v{-height * count / most:.1f}h{step - 1:.1f}V{height}z"
        for i, count in enumerate(counts)
        if count
    )
    box = f"0 0 {width} {height}"
    return element("svg", element("path", d=path), viewBox=box, class_="spark", aria_hidden="true")


def date_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Dates on an axis of seconds."""
    found = low + (high - low) * np.array([1, 3, 5]) / 6 if low < high else np.array([low])
    return [(float(v), str(np.datetime64(int(v), "s").astype("datetime64[D]"))) for v in found]


def _span(known: NDArray[np.float64]) -> tuple[float, float]:
    """Ends of an axis for these numbers, with a little room."""
    if not known.size:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    room = 0.04 * (high - low)
    return low - room if low < 0 or low > room else 0.0, high + room
