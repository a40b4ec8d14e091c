"""The part ``peers``: a training step against PyTorch and JAX, in turn, at the same precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from common import Size
from contest.task import Absent, Task
from timing import Spread

from gpu.cases import TARGETS, steps_of
from gpu.limits import TimeIsUpError, limit
from gpu.ours import Ours, task_of
from gpu.players import Jax, Torch
from gpu.report import Bench, Row, describe
from gpu.timing import in_turn, spread

OURS = "xpnet"
CHECKED = 3  # first steps whose losses must agree before timing
AGREE = {"float32": 1e-3, "tf32": 2e-2, "bfloat16": 2e-2}
READY = 60.0  # seconds that a peer may take to compile

Make = Callable[[Task, str, str], Any]
PEERS: dict[str, Make] = {
    "torch eager": Torch,
    "torch.compile reduce-overhead": lambda *given: Torch(*given, mode="reduce-overhead"),
    "jax.jit": Jax,
    "torch, the step in a CUDA graph": lambda *given: Torch(*given, graph=True),
    "jax.jit, an epoch in a scan": lambda *given: Jax(*given, scan=True),
    "torch.compile max-autotune": lambda *given: Torch(*given, mode="max-autotune"),
}
ON_CPU = ("torch eager", "jax.jit", "jax.jit, an epoch in a scan")


def peers(bench: Bench) -> Iterator[Row]:
    """Each case: xpnet and every peer that is installed, with the ratio to xpnet's time."""
    cases = bench.scale.against_peers
    for i, (size, precision) in enumerate(cases):
        share = bench.left / (len(cases) - i)
        what = {"size": size.name, "precision": precision}
        try:
            rows = measure(bench, size, precision, share)
        except Exception as error:
            rows = [describe(error)]
        for row in rows:
            yield {**what, **row}


def measure(bench: Bench, size: Size, precision: str, share: float) -> list[Row]:
    """The rows of one case, which may take about `share` seconds."""
    start, task = bench.clock(), task_of(size, steps_of(size, bench.scale.steps))
    _forget()
    ours = Ours(bench.device, size, precision, task)
    loss = ours.mean_loss(CHECKED)
    ours.seconds()
    timers: dict[str, Callable[[], float]] = {OURS: ours.seconds}
    rows: dict[str, Row] = {OURS: {"library": OURS, "loss": loss, "log": ours.log}}
    where = "cuda" if bench.device.name == "cupy" else "cpu"
    for name, make in PEERS.items():
        if where == "cpu" and name not in ON_CPU:
            continue
        rows[name] = {"library": name}
        left = min(READY, share - (bench.clock() - start), bench.left - 5)
        try:
            timers[name] = _ready(bench, make, (task, precision, where), rows[name], loss, left)
        except Absent as error:
            rows[name]["skipped"] = str(error)
        except (Exception, TimeIsUpError) as error:
            if bench.left <= 0:
                raise
            rows[name] |= describe(error)
    left = min(bench.scale.seconds * len(timers) * 3, max(0.0, bench.left - 5))
    times = in_turn(timers, left, least=3, most=21)
    for name, row in rows.items():
        if name in times:
            row |= spread(times[name]) | _ratio(times, name)
            row |= _target(size, precision, name)
    return list(rows.values())


def _ready(
    bench: Bench, make: Make, given: tuple[Task, str, str], row: Row, loss: float, left: float
) -> Callable[[], float]:
    """A timer of a peer, after it has compiled and its losses agree with xpnet's."""
    if left <= 0:
        raise Absent("no time left to compile it")
    (task, precision, _), start = given, bench.clock()
    with limit(left):
        player = make(*given)
        row["loss"] = player.mean_loss(CHECKED)
        player.make(task.batches)
    row["ready_s"] = round(bench.clock() - start, 2)
    if not abs(row["loss"] - loss) <= AGREE[precision] * abs(loss):
        raise ValueError(f"its loss is {row['loss']:.6g}, xpnet's is {loss:.6g}: the steps differ")
    return lambda: bench.device.elapsed(lambda: player.make(task.batches)) / task.batches


def _ratio(times: dict[str, list[float]], name: str) -> Row:
    """A peer's time as a multiple of xpnet's, round by round."""
    pairs = zip(times[name], times[OURS], strict=True)
    found = Spread.of([theirs / ours for theirs, ours in pairs])
    return {
        "ratio": round(found.median, 3),
        "ratio_low": round(found.low, 3),
        "ratio_high": round(found.high, 3),
    }


def _target(size: Size, precision: str, name: str) -> Row:
    """The target of the ratio, if there is one."""
    target = TARGETS.get(size.name)
    if target is None or precision not in target.precisions or name == OURS:
        return {}
    return {"asked": target.eager if name == "torch eager" else target.compiled}


def _forget() -> None:
    """Clear PyTorch's compiled functions, of which it keeps only a few."""
    try:
        import torch
    except ImportError:
        return
    torch.compiler.reset()
