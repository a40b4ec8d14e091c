"""A time limit for code that may hang: when the time is up, the main thread is interrupted."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

SOON = 1e-3  # a timer of 0 would be off
AGAIN = 5.0  # seconds until the next interrupt, if something swallowed the first


class TimeIsUpError(BaseException):
    """A part's time is up; not an `Exception`, which measured code might catch."""


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Raise `TimeIsUpError` in the body after some seconds, if the system has such timers.

    When a nested limit ends, the outer one continues with its remaining time.
    """
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise TimeIsUpError(f"stopped after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    start = monotonic()
    outer, again = signal.setitimer(signal.ITIMER_REAL, max(seconds, SOON), AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if outer:
            left = outer - (monotonic() - start)
            signal.setitimer(signal.ITIMER_REAL, max(left, SOON), again)
