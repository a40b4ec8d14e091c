"""Timing by turns: what is compared runs round by round, so that a drifting machine slows all.

`by_turns` times, `Spread` tells a median with its quartiles, `ratios` divides what two needed in
the same round. Ratios of one run are what is worth quoting; times only tell their size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter, process_time, sleep
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of some measurements."""

    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        low, median, high = np.percentile(values, [25, 50, 75]).tolist()
        return cls(median, low, high, len(values))

    def times(self, factor: float) -> Spread:
        """The same in another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor, self.rounds)


def _nothing() -> None:
    return


@dataclass(frozen=True)
class Run:
    """What is timed.

    Attributes
    ----------
    call : function
        Makes `steps` steps; it may return before they are done.
    finish : function
        Waits until they are.
    """

    call: Callable[[], Any]
    finish: Callable[[], Any] = _nothing
    steps: int = 1


@dataclass
class Times:
    """Seconds a step in each round, and how many cores were at work (CPU time / time)."""

    seconds: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)


def timed(run: Run, repeats: int) -> tuple[float, float]:
    """Seconds a step over some calls, and the cores that were at work."""
    used, start = process_time(), perf_counter()
    for _ in range(repeats):
        run.call()
    run.finish()
    seconds = perf_counter() - start
    return seconds / (repeats * run.steps), (process_time() - used) / seconds


def repeats_for(run: Run, least: float) -> int:
    """How many calls last as long as `least` seconds, after three calls that warm up."""
    timed(run, 3 if run.steps == 1 else 1)
    seconds, _ = timed(run, 3 if run.steps == 1 else 1)
    return max(1, round(least / (seconds * run.steps)))


def by_turns(
    runs: Mapping[str, Run], rounds: int, least: float = 0.003, pause: float = 0.0
) -> dict[str, Times]:
    """Time each run once a round; every round begins with another.

    Parameters
    ----------
    least : float
        Seconds that one measurement lasts at least: short runs are repeated.
    pause : float
        Seconds of rest before each, in which the threads of the one before stop waiting for work;
        what comes next then makes a step that is not timed.
    """
    names = list(runs)
    repeats = {name: repeats_for(run, least) for name, run in runs.items()}
    times = {name: Times() for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            run = runs[name]
            sleep(pause)
            if run.steps == 1:
                timed(run, 1)
            seconds, cores = timed(run, repeats[name])
            times[name].seconds.append(seconds)
            times[name].cores.append(cores)
    return times


def ratios(upper: Times, lower: Times) -> Spread:
    """How many times longer the one took than the other, round by round."""
    pairs = zip(upper.seconds, lower.seconds, strict=True)
    return Spread.of([a / b for a, b in pairs])
