"""Dates as text: ISO 8601, 30.11.2026, and 11/30/2026 where its order is plain."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["AMBIGUOUS", "Leading", "leading", "parse_dates"]

Leading = Literal["day", "month"]

AMBIGUOUS = "dates such as 03/04/2026 may begin with the day or the month; write 2026-03-04"

_ISO = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?)?")
_CLOCK = r"(?:[T ]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?"
_DOTS = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})" + _CLOCK)
_SLASHES = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})" + _CLOCK)


def parse_dates(
    values: Sequence[str], known: Leading | None = None
) -> tuple[NDArray[np.datetime64], bool]:
    """The dates that texts stand for, NaT where a text is none, and whether their order is open.

    Times with an offset become UTC. All texts have one form. ``11/30/2026`` is read with the month
    first where all texts allow that and not all allow the day first; the other way round likewise.
    `known` says what leads such dates if other texts have shown it.
    """
    first = next(iter(values), "")
    if _SLASHES.fullmatch(first):
        found = leading(values) if known is None else known
        if found is None:
            return np.full(len(values), np.datetime64("NaT", "us")), True
        return _parsed(_READERS[found], values), False
    parse = _by_dots if _DOTS.fullmatch(first) else _iso
    return _parsed(parse, values), False


def leading(values: Sequence[str]) -> Leading | None:
    """What leads in dates such as 11/30/2026; None for other dates, and where it cannot be told."""
    if not any(map(_SLASHES.fullmatch, values)):
        return None
    day_first, month_first = _parsed(_day_first, values), _parsed(_month_first, values)
    by_day, by_month = (int((~np.isnat(dates)).sum()) for dates in (day_first, month_first))
    if by_day == by_month and not np.array_equal(day_first, month_first, equal_nan=True):
        return None
    return "day" if by_day > by_month else "month"


def _parsed(
    parse: Callable[[str], datetime | None], values: Sequence[str]
) -> NDArray[np.datetime64]:
    return np.array([_or_none(parse, value) for value in values], "datetime64[us]")


def _or_none(parse: Callable[[str], datetime | None], value: str) -> datetime | None:
    try:
        return parse(value)
    except (ValueError, OverflowError):  # such as the first hours of year 1, east of Greenwich
        return None


def _iso(value: str) -> datetime | None:
    match = _ISO.fullmatch(value)
    if match is None:
        return None
    found = datetime.fromisoformat(value if match[1] else f"{value}-01")
    offset = found.utcoffset()
    return found.replace(tzinfo=None) - offset if offset is not None else found


def _by_dots(value: str) -> datetime | None:
    return _date(_DOTS.fullmatch(value), day=1, month=2)


def _day_first(value: str) -> datetime | None:
    return _date(_SLASHES.fullmatch(value), day=1, month=2)


def _month_first(value: str) -> datetime | None:
    return _date(_SLASHES.fullmatch(value), day=2, month=1)


_READERS: dict[Leading, Callable[[str], datetime | None]] = {
    "day": _day_first,
    "month": _month_first,
}


def _date(match: re.Match[str] | None, day: int, month: int) -> datetime | None:
    if match is None:
        return None
    hour, minute, second = (int(part or 0) for part in match.group(4, 5, 6))
    return datetime(int(match[3]), int(match[month]), int(match[day]), hour, minute, second)
