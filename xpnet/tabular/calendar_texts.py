"""Dates as text: ISO 8601, 30.11.2026, and 11/30/2026 where its order is plain."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

__all__ = ["AMBIGUOUS", "parse_dates"]

AMBIGUOUS = "dates such as 03/04/2026 may begin with the day or the month; write 2026-03-04"

_ISO = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?)?")
_CLOCK = r"(?:[T ]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?"
_DOTS = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})" + _CLOCK)
_SLASHES = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})" + _CLOCK)


def parse_dates(values: Sequence[str]) -> tuple[NDArray[np.datetime64], bool]:
    """The dates that texts stand for, NaT where a text is none, and whether their order is open.

    Times with an offset become UTC. All texts have one form. ``11/30/2026`` is read with the month
    first where all texts allow that and not all allow the day first; the other way round likewise.
    """
    first = next(iter(values), "")
    if _SLASHES.fullmatch(first):
        return _slashes(values)
    parse = _by_dots if _DOTS.fullmatch(first) else _iso
    return _parsed(parse, values), False


def _slashes(values: Sequence[str]) -> tuple[NDArray[np.datetime64], bool]:
    day_first, month_first = _parsed(_day_first, values), _parsed(_month_first, values)
    by_day, by_month = (int((~np.isnat(dates)).sum()) for dates in (day_first, month_first))
    if by_day == by_month and not np.array_equal(day_first, month_first, equal_nan=True):
        return np.full(len(values), np.datetime64("NaT", "us")), True
    return (day_first if by_day > by_month else month_first), False


def _parsed(
    parse: Callable[[str], datetime | None], values: Sequence[str]
) -> NDArray[np.datetime64]:
    return np.array([_or_none(parse, value) for value in values], "datetime64[us]")


def _or_none(parse: Callable[[str], datetime | None], value: str) -> datetime | None:
    try:
        return parse(value)
    except ValueError:
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


def _date(match: re.Match[str] | None, day: int, month: int) -> datetime | None:
    if match is None:
        return None
    hour, minute, second = (int(part or 0) for part in match.group(4, 5, 6))
    return datetime(int(match[3]), int(match[month]), int(match[day]), hour, minute, second)
