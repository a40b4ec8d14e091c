"""Numbers as people write them: decimal points and commas, groups of thousands, units."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from xpnet.tabular.cells import shown

__all__ = [
    "Numerals",
    "explain",
    "have_fractions",
    "is_number",
    "looks_decorated",
    "parse_numbers",
    "share_of_numbers",
    "usual_mark",
]

_NUMBER = re.compile(
    r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|[+-]?(?:inf|infinity)", re.IGNORECASE
)
_ONE_GROUP = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
_UNIT = re.compile(
    r"(?P<before>[^\W\d_]{0,3}[$€£¥₹]|[^\W\d_]{1,3}\.?(?=\s)|[#~≈<>≤≥±\u2212])?\s*"
    r"(?P<number>[+-]?[0-9].*?)\s*"
    r"(?P<after>[%‰$€£¥₹]|°?[^\W\d_]{1,6}(?:/[^\W\d_]{1,6})?[²³]?\.?|°|[/±]\s*[0-9]+)?"
)
_MINUS = "\u2212"
_WORD = re.compile(r"[^\W\d_]+\.?|#")
_FRACTION = re.compile(r"[0-9][.,][0-9]")


@dataclass(frozen=True)
class Numerals:
    """How a source writes its numbers.

    Attributes
    ----------
    decimal : {".", ","} or None
        The decimal mark that the user gave; None if a column may tell.
    usual : {".", ","} or None
        The decimal mark of the source's other cells, where a column does not tell.
    commas_delimit : bool
        Whether commas separate the fields, so that a decimal comma is not expected.
    """

    decimal: str | None = None
    usual: str | None = None
    commas_delimit: bool = False


def is_number(cell: str) -> bool:
    """Whether a cell is a number with a decimal point, or ``inf``."""
    return _NUMBER.fullmatch(cell) is not None


def parse_numbers(values: Sequence[str], numerals: Numerals) -> NDArray[np.float64]:
    """The numbers that texts stand for; NaN where a text is none.

    A decimal comma is recognized by the column: ``1,5`` and ``1.234,5`` have one, ``1,234,567``
    and ``1,234.5`` have not. Where the column leaves it open (``1,234``), other columns decide.
    """
    if numerals.decimal is not None:
        return _by_mark(values, numerals.decimal)
    point = _by_mark(values, ".")
    if numerals.usual != "," and not any("," in value for value in values):
        return point
    comma = _by_mark(values, ",")
    more = int(np.isfinite(comma).sum()) - int(np.isfinite(point).sum())
    if numerals.commas_delimit:
        return point if more <= 0 else np.full(len(values), np.nan)
    if more == 0 and numerals.usual is None:
        return np.where(point == comma, point, np.nan)
    return comma if more > 0 or (more == 0 and numerals.usual == ",") else point


def _by_mark(values: Sequence[str], mark: str) -> NDArray[np.float64]:
    return np.array([_number(value, mark) for value in values], np.float64)


def _number(value: str, mark: str) -> float:
    """The number with this decimal mark, NaN if it is none."""
    if mark == "." and is_number(value):
        return float(value)
    match = _pattern(mark).fullmatch(value)
    if match is None:
        return np.nan
    whole, _, decimals, exponent = match.groups("")
    return float(f"{re.sub('[^0-9+-]', '', whole)}.{decimals or 0}{exponent}")


@cache
def _pattern(mark: str) -> re.Pattern[str]:
    """Digits, with or without groups of three, then the decimal mark."""
    group = "[,\u00a0\u202f '\u2019]" if mark == "." else "[.\u00a0\u202f '\u2019]"
    mark = re.escape(mark)
    whole = rf"[+-]?(?:[1-9][0-9]{{0,2}}(?:({group})[0-9]{{3}})(?:\2[0-9]{{3}})*|[0-9]*)"
    some_digit = f"(?=[+-]?{mark}?[0-9])"
    return re.compile(f"{some_digit}({whole})(?:{mark}([0-9]*))?(e[+-]?[0-9]+)?", re.IGNORECASE)


def usual_mark(cells: Iterable[str]) -> str | None:
    """The decimal mark of most cells that have but one reading; None if there are none."""
    marks = Counter(mark for cell in cells if (mark := _only_mark(cell)) is not None)
    return marks.most_common(1)[0][0] if marks else None


def _only_mark(cell: str) -> str | None:
    possible = [mark for mark in ".," if np.isfinite(_number(cell, mark))]
    return possible[0] if len(possible) == 1 else None


def looks_decorated(values: Sequence[str]) -> bool:
    """Whether all texts are numbers that no float reads: one unit for all, or commas.

    Whole numbers behind a word, such as ``No. 12``, may be names.
    """
    unit = _unit(values[0]) if values else None
    if unit is None or any(_unit(value) != unit for value in values):
        return False
    if _WORD.fullmatch(unit) and values[0].startswith(unit):
        return have_fractions(values)
    return not all(map(is_number, values))


def have_fractions(values: Sequence[str]) -> bool:
    """Whether one of the texts has a decimal point or comma between digits."""
    return any(_FRACTION.search(value) for value in values)


def share_of_numbers(values: Sequence[str]) -> float:
    """The share of the texts that are numbers by some decimal mark."""
    return sum(_unit(value) == "" for value in values) / max(len(values), 1)


def _unit(value: str) -> str | None:
    """What stands before or after a number, empty if nothing does; None if there is no number."""
    match = _UNIT.fullmatch(value)
    if match is None or not any(np.isfinite(_number(match["number"], mark)) for mark in ".,"):
        return None
    return match["before"] or match["after"] or ""


def explain(value: str, numerals: Numerals) -> str:
    """Why a text is no finite number, and what to do: the end of an error message."""
    cell, unit = shown(value), _unit(value)
    if unit == _MINUS:
        return f"expected a number, found {cell}. Write '-' for the sign {unit!r}."
    if unit:
        return f"expected a number, found {cell}. Remove {unit!r} from the column's cells."
    if is_number(value) and numerals.decimal == ",":
        return f"expected a number with a decimal comma, found {cell}. Leave out decimal=','."
    if is_number(value):
        return f"expected a finite number, found {cell}. Correct it, or remove its row."
    if _ONE_GROUP.fullmatch(value) and not numerals.commas_delimit:
        return (
            f"expected a number, found {cell}, whose comma may group thousands or mark the "
            "decimals. Give decimal='.' or decimal=','."
        )
    if np.isfinite(_number(value, ",")):
        return (
            f"expected a number with a decimal point, found {cell}. Give decimal=',', or write "
            "decimal points for the decimal commas."
        )
    return f"expected a number, found {cell}. Correct it, or make the column a category."
