"""What a text cell means: a missing value, a number, a truth value, a date."""

import re
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

__all__ = ["BOOLEANS", "MISSING", "is_number", "parse_dates", "parse_numbers"]

# Empty, what pandas takes as missing, and the question mark of the UCI repository.
MISSING = frozenset(
    "|#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan"
    "|null|?".split("|")
)
BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "t": True, "f": False}
BOOLEANS |= {"y": True, "n": False, "on": True, "off": False}

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity)", re.IGNORECASE)


def is_number(cell: str) -> bool:
    """Whether a cell is a number as Python writes it, ``inf`` included."""
    return _NUMBER.fullmatch(cell) is not None


def parse_numbers(values: Sequence[str]) -> NDArray[np.float64]:
    """The numbers that texts stand for; NaN where a text is none."""
    return np.array([float(v) if is_number(v) else np.nan for v in values], np.float64)


def parse_dates(values: Sequence[str]) -> NDArray[np.datetime64]:
    """The dates that texts in ISO 8601 stand for; NaT where a text is none."""
    return np.array([_date(value) for value in values], "datetime64[us]")


def _date(value: str) -> datetime | None:
    if len(value) < 8 or not value[:4].isdigit():
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    if found.tzinfo is not None:
        offset = found.utcoffset()
        found = found.replace(tzinfo=None) - offset if offset else found.replace(tzinfo=None)
    return found
