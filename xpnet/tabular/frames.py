"""Data in memory as a table: data frames, mappings, rows of dicts, arrays."""

import datetime
import decimal
import math
import numbers
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from xpnet.errors import DataError
from xpnet.optional import require
from xpnet.tabular.cells import MISSING
from xpnet.tabular.columns import ArrayColumn, TextColumn, factorize
from xpnet.tabular.table import Column, Place, Table

__all__ = ["as_table"]


def as_table(data: Any, *, source: str | None = None) -> Table:
    """Give any tabular data the face of a `Table`.

    Parameters
    ----------
    data : Table, data frame, mapping, list of mappings, or array
        A frame of pandas, polars, pyarrow or another library that narwhals knows; a mapping of
        names to columns; rows as mappings, where a key that is not there is a missing cell; or two
        dimensions of cells, whose columns are named ``x0``, ``x1``, ...
    source : str, optional
        What messages call it, by default ``"the table"``.

    Raises
    ------
    DataError
        If it is none of these, or a column cannot be used.
    """
    if isinstance(data, Table):
        return data
    place = Place(source or "the table")
    if isinstance(data, Mapping):
        return _table(place, [(name, _values(name, place, v)) for name, v in data.items()])
    if hasattr(data, "__dataframe__") or hasattr(data, "__arrow_c_stream__") or _is_frame(data):
        return _from_frame(place, data)
    if isinstance(data, Sequence) and data and isinstance(data[0], Mapping):
        return _from_rows(place, data)
    return _from_array(place, data)


def _table(place: Place, columns: Iterable[tuple[str, Column]]) -> Table:
    columns = list(columns)
    count = Counter(name for name, _ in columns)
    lengths = {len(column) for _, column in columns}
    if len(lengths) > 1:
        raise DataError(f"{place.source}: columns have different lengths: {sorted(lengths)}.")
    doubled = frozenset(name for name, times in count.items() if times > 1)
    found = {name: column for name, column in reversed(columns)}
    return Table(place, {name: found[name] for name in count}, max(lengths, default=0), doubled)


def _is_frame(data: Any) -> bool:
    return hasattr(data, "columns") and not isinstance(data, np.ndarray)


def _from_frame(place: Place, frame: Any) -> Table:
    nw = require("narwhals", "tables", "reading a data frame")
    if hasattr(frame, "iloc"):
        names = [str(name) for name in frame.columns]
        parts = [nw.from_native(frame.iloc[:, i], series_only=True) for i in range(len(names))]
    else:
        native = nw.from_native(frame, eager_only=True)
        names, parts = list(native.columns), list(native.iter_columns())
    return _table(
        place, [(n, _series(nw, n, place, part)) for n, part in zip(names, parts, strict=True)]
    )


def _series(nw: Any, name: str, place: Place, series: Any) -> Column:
    kind, absent = series.dtype, series.is_null().to_numpy()
    if kind.is_numeric():
        if kind == nw.Decimal:
            series = series.cast(nw.Float64)
        return ArrayColumn(name, place, series.fill_null(0).to_numpy(), absent)
    if kind == nw.Boolean:
        return ArrayColumn(name, place, series.fill_null(False).to_numpy().astype(bool), absent)
    if kind == nw.Date or kind == nw.Datetime:
        if getattr(kind, "time_zone", None) is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return ArrayColumn(name, place, series.to_numpy().astype("datetime64[us]"), absent)
    if kind in (nw.String, nw.Categorical, nw.Enum, nw.Object, nw.Unknown):
        return _values(name, place, series.to_list())
    raise DataError(
        f"{place.source}, column {name!r}: expected numbers, text, booleans or dates, found "
        f"{kind}. Convert it, or drop it."
    )


def _from_rows(place: Place, rows: Sequence[Mapping[str, Any]]) -> Table:
    names = dict.fromkeys(str(name) for row in rows for name in row)
    return _table(place, [(n, _values(n, place, [row.get(n) for row in rows])) for n in names])


def _from_array(place: Place, data: Any) -> Table:
    array = np.asarray(data)
    if array.dtype.names is not None:
        return _table(place, [(n, _values(n, place, array[n])) for n in array.dtype.names])
    if array.ndim != 2:
        raise DataError(
            f"{place.source}: expected two dimensions (rows, columns), found shape {array.shape}."
        )
    names = [f"x{i}" for i in range(array.shape[1])]
    columns = [(n, _values(n, place, array[:, i])) for i, n in enumerate(names)]
    return replace(_table(place, columns), named=False)


def _values(name: str, place: Place, values: Any) -> Column:
    """A column from an array or a sequence of Python objects."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return ArrayColumn(name, place, values)
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return ArrayColumn(name, place, values.astype("datetime64[us]"))
    cells = [None if _missing(cell) else cell for cell in _listed(values)]
    kinds = [None if cell is None else _kind(cell) for cell in cells]
    found = Counter(kind for kind in kinds if kind is not None)
    if len(found) > 1 or None in found or "other" in found:
        usual = found.most_common(1)[0][0]
        row = next(i for i, k in enumerate(kinds) if k not in (None, usual) or k == "other")
        raise DataError(
            f"{place.of(row)}, column {name!r}: expected {usual}s as in other rows, found "
            f"{cells[row]!r}. Store one kind in a column."
        )
    absent = np.array([cell is None for cell in cells], np.bool_)
    match next(iter(found), None):
        case "number":
            filled = np.array([0 if cell is None else cell for cell in cells])
            if filled.dtype.kind not in "iuf":
                filled = filled.astype(np.float64)
            return ArrayColumn(name, place, filled, absent)
        case "boolean":
            return ArrayColumn(name, place, np.array(cells).astype(np.bool_), absent)
        case "date":
            return ArrayColumn(name, place, np.array(cells, "datetime64[us]"), absent)
    return TextColumn(name, place, factorize([c if c is None else str(c).strip() for c in cells]))


def _listed(values: Any) -> list[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else list(values)


def _missing(cell: Any) -> bool:
    if isinstance(cell, str):
        return cell.strip() in MISSING
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
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
    return "other"
