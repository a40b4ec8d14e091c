"""Times on a device, measured in turn, so that a drifting machine slows all equally."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic
from typing import Any

from timing import Spread

from gpu.device import Device

Run = Callable[[], Any]
PART = 0.002  # seconds


def spread(times: list[float]) -> dict[str, float]:
    """Median and quartiles of times in seconds, as microseconds."""
    found = Spread.of(times).times(1e6)
    return {
        "us": round(found.median, 3),
        "us_low": round(found.low, 3),
        "us_high": round(found.high, 3),
        "rounds": found.rounds,
    }


def in_turn(
    timers: Mapping[str, Callable[[], float]],
    seconds: float,
    *,
    least: int = 5,
    most: int = 51,
    clock: Callable[[], float] = monotonic,
) -> dict[str, list[float]]:
    """Call each timer in turn, repeatedly, for some seconds.

    Parameters
    ----------
    timers : mapping of str to callable
        Each returns one time in seconds.
    seconds : float
        No further round starts after this time, if there were at least `least` rounds.
    """
    times: dict[str, list[float]] = {name: [] for name in timers}
    end = clock() + seconds
    for done in range(most):
        if done >= least and clock() >= end:
            break
        for name, take in timers.items():
            times[name].append(take())
    return times


def timed(
    device: Device, runs: Mapping[str, Run], seconds: float, backends: Mapping[str, Any] = {}
) -> dict[str, list[float]]:
    """Seconds per call of each, in turn; each round repeats a call for about `PART` seconds.

    `backends` holds the backend of each run that does not use the device's own stream.
    """
    timers = {}
    for name, run in runs.items():
        backend = backends.get(name)
        device.seconds(run, 3, backend)  # compiles, and wakes the device up
        repeats = max(1, round(PART / max(device.seconds(run, 5, backend), 1e-9)))
        timers[name] = partial(device.seconds, run, min(repeats, 1000), backend)
    return in_turn(timers, seconds)
