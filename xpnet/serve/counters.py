"""`Counters`: what a server has answered, and how fast."""

from collections import Counter, deque
from time import monotonic
from typing import Any

__all__ = ["Counters"]

_LAST = 1024  # requests whose times are kept
_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


class Counters:
    """Counts answers and rows, and keeps the times of the last ones."""

    def __init__(self) -> None:
        self._start = monotonic()
        self._statuses: Counter[int] = Counter()
        self._rows = 0
        self._times: deque[float] = deque(maxlen=_LAST)

    def answered(self, status: int, seconds: float, rows: int = 0) -> None:
        """Count an answer."""
        self._statuses[status] += 1
        self._rows += rows
        self._times.append(seconds)

    def report(self) -> dict[str, Any]:
        """What has been counted, for JSON."""
        times = sorted(self._times)
        last = len(times) - 1
        return {
            "uptime_seconds": round(monotonic() - self._start, 3),
            "requests": {str(status): count for status, count in sorted(self._statuses.items())},
            "rows": self._rows,
            "milliseconds": {
                name: round(1e3 * times[round(share * last)], 3) if times else None
                for name, share in _SHARES.items()
            },
        }
