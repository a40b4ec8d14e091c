"""Columns from arrays and from sequences of Python objects."""

import datetime
import decimal
import math
import numbers
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import DataError
from xpnet.tabular.cells import cell_of, shown
from xpnet.tabular.column import Column, Place, Texts
from xpnet.tabular.columns import ArrayColumn, TextColumn
from xpnet.tabular.unusable_column import UnusableColumn

__all__ = ["column_of", "text_column"]

_NO_DATE = np.datetime64("NaT", "us")
_KINDS = ("number", "boolean", "text", "date")
_FILL: dict[str, Any] = {"number": 0, "boolean": False, "date": _NO_DATE}


def column_of(name: str, origin: Place, values: Any) -> Column:
    """A column from one dimension of cells of one kind; None, NaN, ... are missing.

    Cells of several kinds, or of one that no column has, are an error when they are asked for.

    Raises
    ------
    DataError
        If there is no such dimension.
    """
    several = hasattr(values, "__iter__") and not isinstance(values, str)
    if not several or getattr(values, "ndim", 1) != 1:
        raise DataError(
            f"{origin.source}, column {shown(name)}: expected a sequence of cells, found "
            f"{shown(values)}. Write a single row as a list of one mapping."
        )
    mask = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    if isinstance(values, np.ndarray) and values.dtype.kind in "biufM":
        return ArrayColumn(name, origin, np.asarray(values), mask)
    cells = values.tolist() if isinstance(values, np.ndarray) else list(values)
    kinds = [None if _is_missing(cell) else _kind(cell) for cell in cells]
    kind = _usual_kind(kinds)
    if (row := _odd_row(kind, kinds)) is not None:
        return _unusable(name, origin, cells, row, kind)
    if kind == "text":
        return text_column(name, origin, cells)
    absent = np.array([kind is None for kind in kinds], np.bool_)
    filled = [_FILL[kind] if gone else cell for cell, gone in zip(cells, absent, strict=True)]
    if kind == "date":
        return _date_column(name, origin, filled)
    array = np.array(filled, np.bool_ if kind == "boolean" else None)
    return ArrayColumn(name, origin, array if array.dtype != object else _floats(filled), absent)


def text_column(name: str, origin: Place, cells: Sequence[Any]) -> TextColumn:
    """A column of texts, without the blanks around them."""
    clean = {cell: cell_of(cell) for cell in set(cells) if isinstance(cell, str)}
    values = sorted(value for value in {*clean.values()} if value is not None)
    codes = {value: code for code, value in enumerate(values)}
    code_of = {cell: codes[value] for cell, value in clean.items() if value is not None}
    found = np.fromiter((code_of.get(cell, -1) for cell in cells), np.int32, len(cells))
    return TextColumn(name, origin, Texts(found, values))


def _is_missing(cell: Any) -> bool:
    if isinstance(cell, str):
        return cell_of(cell) is None
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(cell, np.datetime64):
        return bool(np.isnat(cell))
    if isinstance(cell, decimal.Decimal):
        return cell.is_nan()
    return isinstance(cell, float | np.floating) and math.isnan(cell)


def _kind(cell: Any) -> str:
    match cell:
        case bool() | np.bool_():
            return "boolean"
        case numbers.Real() | decimal.Decimal():
            return "number"
        case str():
            return "text"
        case datetime.date() | np.datetime64():
            return "date"
    return type(cell).__name__


def _usual_kind(kinds: Sequence[str | None]) -> str:
    """The kind of most cells; text if they are all missing."""
    count = Counter(kind for kind in kinds if kind is not None)
    return max(count, key=lambda kind: (kind in _KINDS, count[kind]), default="text")


def _odd_row(usual: str, kinds: Sequence[str | None]) -> int | None:
    """The first row of another kind, or of one that no column has."""
    for row, kind in enumerate(kinds):
        if kind is not None and (kind != usual or usual not in _KINDS):
            return row
    return None


def _unusable(
    name: str, origin: Place, cells: Sequence[Any], row: int, usual: str
) -> UnusableColumn:
    known = usual in _KINDS
    expected = f"a {usual}, as in other rows" if known else "a number, text or date"
    remedy = "Store cells of one kind in a column." if known else "Convert or drop the column."
    where = f"{origin.of(row)}, column {shown(name)}"
    reason = f"{where}: expected {expected}, found {shown(cells[row])}. {remedy}"
    return UnusableColumn(name, origin, len(cells), reason)


def _date_column(name: str, origin: Place, dates: Sequence[Any]) -> Column:
    plain = []
    for row, date in enumerate(dates):
        try:
            plain.append(_without_zone(date))
        except OverflowError:
            where = f"{origin.of(row)}, column {shown(name)}"
            reason = f"{where}: expected a date of the years 1 to 9999 in UTC, found {date}."
            return UnusableColumn(name, origin, len(dates), f"{reason} Correct it.")
    return ArrayColumn(name, origin, np.array(plain, "datetime64[us]"))


def _floats(cells: list[Any]) -> NDArray[np.float64]:
    return np.array([_float(cell) for cell in cells], np.float64)


def _float(cell: Any) -> float:
    try:
        return float(cell)
    except OverflowError:
        return math.inf


def _without_zone(date: Any) -> Any:
    """A time with an offset as UTC."""
    if isinstance(date, datetime.datetime) and date.tzinfo is not None:
        return date.astimezone(datetime.UTC).replace(tzinfo=None)
    return date
