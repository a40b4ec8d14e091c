"""A clock for pytest-benchmark that runs on a GPU."""

from __future__ import annotations

from typing import Any


class DeviceClock:
    """Seconds by CUDA events: each reading waits until the stream has finished all previous work.

    CUDA gives the time between two events in float32 milliseconds, so long times are coarse. Short
    times, from reading to reading, are summed in double precision.
    """

    def __init__(self, cupy: Any) -> None:
        self._cuda = cupy.cuda
        self._last: Any = None
        self._seconds = 0.0

    def __call__(self) -> float:
        event = self._cuda.Event()
        event.record()
        event.synchronize()
        if self._last is not None:
            self._seconds += 1e-3 * self._cuda.get_elapsed_time(self._last, event)
        self._last = event
        return self._seconds
