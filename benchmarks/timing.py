"""Timing in turn: all candidates run round by round, so that a drifting machine slows all equally.

`by_turns` measures times, `Spread` is a median with its quartiles, and `ratios` divides two times
of the same round. Quote ratios of one run; times only show the order of magnitude.
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
    """A function to time.

    Attributes
    ----------
    call : function
        Makes `steps` steps; it may return before they are finished.
    finish : function
        Waits until they are finished.
    """

    call: Callable[[], Any]
    finish: Callable[[], Any] = _nothing
    steps: int = 1


@dataclass
class Times:
    """Seconds per step in each round, and the number of busy cores (CPU time / time)."""

    seconds: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)


def timed(run: Run, repeats: int) -> tuple[float, float]:
    """Seconds per step over some calls, and the number of busy cores."""
    used, start = process_time(), perf_counter()
    for _ in range(repeats):
        run.call()
    run.finish()
    seconds = perf_counter() - start
    return seconds / (repeats * run.steps), (process_time() - used) / seconds


def repeats_for(run: Run, least: float) -> int:
    """The number of calls that last `least` seconds, after three warm-up calls."""
    timed(run, 3 if run.steps == 1 else 1)
    if not least:
        return 1
    seconds, _ = timed(run, 3 if run.steps == 1 else 1)
    return max(1, round(least / (seconds * run.steps)))


Timer = Callable[[], tuple[float, float]]


def timer(run: Run, least: float, pause: float) -> Timer:
    """A function that rests, makes a step that is not timed, and times the run once.

    Parameters
    ----------
    least : float
        Shortest duration of a measurement in seconds; short runs are repeated.
    pause : float
        Seconds of rest before each measurement, in which the previous run's threads stop waiting
        for work.
    """
    repeats = repeats_for(run, least)

    def take() -> tuple[float, float]:
        sleep(pause)
        if run.steps == 1:
            timed(run, 1)
        return timed(run, repeats)

    return take


def in_turns(timers: Mapping[str, Timer], rounds: int) -> dict[str, Times]:
    """Call each timer once per round; every round starts with another."""
    names = list(timers)
    times = {name: Times() for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            seconds, cores = timers[name]()
            times[name].seconds.append(seconds)
            times[name].cores.append(cores)
    return times


def by_turns(
    runs: Mapping[str, Run], rounds: int, least: float = 0.003, pause: float = 0.0
) -> dict[str, Times]:
    """Time each run once per round; see `timer` and `in_turns`."""
    return in_turns({name: timer(run, least, pause) for name, run in runs.items()}, rounds)


def ratios(upper: Times, lower: Times) -> Spread:
    """The ratio of two times, round by round."""
    pairs = zip(upper.seconds, lower.seconds, strict=True)
    return Spread.of([a / b for a, b in pairs])
