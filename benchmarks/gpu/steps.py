"""The part ``steps``: the time of a training step, compared with its least possible work."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from common import Size

from gpu.cases import TARGETS, steps_of
from gpu.ceilings import copy_bandwidth, product_rate
from gpu.floor import step_work
from gpu.ours import Ours, task_of
from gpu.report import Bench, Row, attempt
from gpu.timing import in_turn, spread, timed


def steps(bench: Bench) -> Iterator[Row]:
    """Each size in each precision; cases with a target come first."""
    every = [(size, p) for size in bench.scale.sizes for p in bench.device.precisions]
    for size, precision in sorted(every, key=lambda case: not asked(*case)):
        what = {"size": size.name, "precision": precision}
        yield attempt(what, lambda s=size, p=precision: measure(bench, s, p))


def asked(size: Size, precision: str) -> bool:
    """Whether there is a target for this case."""
    target = TARGETS.get(size.name)
    return target is not None and precision in target.precisions


def measure(bench: Bench, size: Size, precision: str) -> Row:
    """Times of a step by `fit` and call by call, the counted floors, and their ratios."""
    device, work = bench.device, step_work(size, precision)
    ours = Ours(device, size, precision, task_of(size, steps_of(size, bench.scale.steps)))
    ours.seconds()  # plans, compiles, captures
    fit = in_turn({"fit": ours.seconds}, bench.scale.seconds)["fit"]
    eager, backend = ours.eager()
    alone = timed(device, {"eager": eager}, bench.scale.seconds, {"eager": backend})["eager"]
    bandwidth, rate = copy_bandwidth(bench), product_rate(bench, precision)
    floor = work.floor(bandwidth, rate)
    return {
        **spread(fit),
        "eager_us": spread(alone)["us"],
        "flops": work.flops,
        "bytes": work.least,
        "floor_us": round(floor * 1e6, 3),
        "calls_floor_us": round(work.call_by_call(bandwidth, rate) * 1e6, 3),
        "of_floor": round(floor / median(fit), 4),
        "of_rate": round(work.flops / median(fit) / rate, 4),
        "log": ours.log,
    }
