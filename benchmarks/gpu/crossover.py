"""The part ``crossover``: the width from which the device is faster than NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import exp, log
from statistics import median

from common import Size

from gpu.device import Host
from gpu.ours import Ours, task_of
from gpu.report import Bench, Row, attempt
from gpu.timing import in_turn, spread

BATCH, STEPS = 128, 50


def crossover(bench: Bench) -> Iterator[Row]:
    """A step of 64-w-w-10 on both for growing w, then the width at which they are equally fast."""
    rows = []
    for width in bench.scale.widths:
        rows.append(attempt({"width": width}, lambda w=width: measure(bench, w)))
        yield rows[-1]
    points = [(r["width"], r["numpy_us"] / r["us"]) for r in rows if "us" in r]
    yield {"crossover": crossing(points), "network": f"64-w-w-10 b{BATCH} Adam"}


def measure(bench: Bench, width: int) -> Row:
    """The times of a step, in turn."""
    size = Size((64, width, width, 10), BATCH, "Adam")
    task = task_of(size, STEPS)
    both = {
        "device": Ours(bench.device, size, "float32", task),
        "numpy": Ours(Host(), size, "float32", task),
    }
    for ours in both.values():
        ours.seconds()
    times = in_turn({name: o.seconds for name, o in both.items()}, bench.scale.seconds, least=3)
    found = {name: median(values) for name, values in times.items()}
    return {
        "precision": "float32",
        **spread(times["device"]),
        "numpy_us": round(found["numpy"] * 1e6, 3),
        "ratio": round(found["numpy"] / found["device"], 3),
    }


def crossing(points: list[tuple[float, float]]) -> float | str:
    """The width at which a growing ratio passes 1, interpolated on log scales."""
    if not points:
        return "not measured"
    if all(ratio >= 1 for _, ratio in points):
        return f"the device is faster from the smallest width, {points[0][0]}"
    for (w0, r0), (w1, r1) in reversed(list(pairwise(points))):
        if r0 < 1 <= r1:
            share = -log(r0) / (log(r1) - log(r0))
            return round(exp(log(w0) + share * (log(w1) - log(w0))), 1)
    return f"NumPy is faster up to {points[-1][0]}"
