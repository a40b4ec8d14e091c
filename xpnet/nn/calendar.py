"""The parts of a date, from seconds since 1970: shares of a period, in [0, 1)."""

from typing import Any

from xpnet import ops
from xpnet.graph import Value

__all__ = ["day_parts", "time_of_day"]

_DAY = 86_400.0


def _whole(a: Any, b: float) -> Any:
    """How often b goes into a: floor(a / b)."""
    return ops.floor(a / b)


def time_of_day(seconds: Value) -> Any:
    """The share of the day that has passed."""
    return seconds / _DAY - _whole(seconds, _DAY)


def day_parts(seconds: Value) -> list[Any]:
    """The day's place in its year, its month and its week.

    Years begin on March 1st, so that a leap day is the last day of its year.

    Notes
    -----
    Source: Hinnant, "chrono-compatible low-level date algorithms", ``civil_from_days``.
    """
    days = _whole(seconds, _DAY)
    shifted = days + 719_468.0  # days since March 1st of the year 0
    day = shifted - _whole(shifted, 146_097.0) * 146_097.0  # of 400 years
    leaps = _whole(day, 1_460.0) - _whole(day, 36_524.0) + _whole(day, 146_096.0)
    year = _whole(day - leaps, 365.0)
    day_of_year = day - (365.0 * year + _whole(year, 4.0) - _whole(year, 100.0))
    month = _whole(5.0 * day_of_year + 2.0, 153.0)
    day_of_month = day_of_year - _whole(153.0 * month + 2.0, 5.0)
    week = days + 3.0  # 1970 began on a Thursday
    return [day_of_year / 366.0, day_of_month / 31.0, (week - _whole(week, 7.0) * 7.0) / 7.0]
