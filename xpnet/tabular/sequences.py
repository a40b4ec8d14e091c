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
from xpnet.tabular.cells import cell_of
from xpnet.tabular.column import Column, Place, Texts
from xpnet.tabular.columns import ArrayColumn, TextColumn

__all__ = ["column_of", "text_column"]

_NO_DATE = np.datetime64("NaT", "us")
_KINDS = ("number", "boolean", "text", "date")
_FILL: dict[str, Any] = {"number": 0, "boolean": False, "date": _NO_DATE}


def column_of(name: str, origin: Place, values: Any) -> Column:
    """A column from one dimension of cells of one kind; None, NaN, ... are missing.

    Raises
    ------
    DataError
        If cells are of several kinds, or of one that no column has; the message names the row.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "biufM":
        return ArrayColumn(name, origin, values)
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise DataError(
            f"{origin.source}, column {name!r}: expected a sequence of cells, found {values!r}."
        )
    cells = values.tolist() if isinstance(values, np.ndarray) else list(values)
    kinds = [None if _is_missing(cell) else _kind(cell) for cell in cells]
    kind = _only_kind(name, origin, cells, kinds)
    if kind == "text":
        return text_column(name, origin, cells)
    absent = np.array([kind is None for kind in kinds], np.bool_)
    filled = [_FILL[kind] if gone else cell for cell, gone in zip(cells, absent, strict=True)]
    if kind == "date":
        dates = np.array([_without_zone(date) for date in filled], "datetime64[us]")
        return ArrayColumn(name, origin, dates)
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
    return isinstance(cell, float | np.floating | decimal.Decimal) and math.isnan(cell)


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


def _only_kind(name: str, origin: Place, cells: Sequence[Any], kinds: list[str | None]) -> str:
    """The kind of all cells; text if they are all missing."""
    count = Counter(kind for kind in kinds if kind is not None)
    if not count:
        return "text"
    usual = max(count, key=lambda kind: (kind in _KINDS, count[kind]))
    if usual in _KINDS and len(count) == 1:
        return usual
    row = next(i for i, kind in enumerate(kinds) if kind and (kind != usual or len(count) == 1))
    expected = f"a {usual}, as in other rows" if usual in _KINDS else "a number, text or date"
    raise DataError(
        f"{origin.of(row)}, column {name!r}: expected {expected}, found {cells[row]!r}. "
        "Store cells of one kind in a column."
    )


def _floats(cells: list[Any]) -> NDArray[np.float64]:
    return np.array([float(cell) for cell in cells], np.float64)


def _without_zone(date: Any) -> Any:
    """A time with an offset as UTC."""
    if isinstance(date, datetime.datetime) and date.tzinfo is not None:
        return date.astimezone(datetime.UTC).replace(tzinfo=None)
    return date
