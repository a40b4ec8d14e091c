"""Data in memory as a table: data frames, mappings, rows of dicts, arrays."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from xpnet.arguments import instance
from xpnet.backends.readable import check_given, foreign_errors
from xpnet.errors import DataError
from xpnet.optional import require
from xpnet.tabular.arrow_column import ArrowColumn
from xpnet.tabular.column import Column, Place
from xpnet.tabular.columns import ArrayColumn
from xpnet.tabular.numerals import Numerals
from xpnet.tabular.sequences import column_of, text_column
from xpnet.tabular.table import Table
from xpnet.typing import ArrayLike, SupportsColumns

__all__ = ["TableData", "as_table", "table_of"]

TableData: TypeAlias = (
    Table | SupportsColumns | Mapping[str, Any] | Sequence[Mapping[str, Any]] | ArrayLike
)
"""What `as_table` takes: a data frame, a mapping of columns, a list of rows, an array."""


def as_table(data: TableData, *, source: str | None = None) -> Table:
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
    if source is not None:
        instance("source", source, str, "a text")
    origin = Place(source or "the table")
    if isinstance(data, Mapping):
        return table_of(origin, [(str(n), column_of(str(n), origin, v)) for n, v in data.items()])
    if hasattr(type(data), "columns"):
        return _from_frame(origin, data)
    if isinstance(data, Sequence) and data and isinstance(data[0], Mapping):
        return _from_rows(origin, data)
    check_given(origin.source, data)
    with foreign_errors(origin.source):
        return _from_array(origin, data)


def table_of(
    origin: Place, columns: Iterable[tuple[str, Column]], notes: tuple[str, ...] = ()
) -> Table:
    """A table of named columns; of several with one name, the first.

    Raises
    ------
    DataError
        If they have different lengths.
    """
    columns = list(columns)
    count = Counter(name for name, _ in columns)
    lengths = {len(column) for _, column in columns}
    if len(lengths) > 1:
        raise DataError(f"{origin.source}: columns have different lengths: {sorted(lengths)}.")
    repeated = frozenset(name for name, times in count.items() if times > 1)
    found = dict(reversed(columns))
    rows = max(lengths, default=0)
    return Table(origin, {name: found[name] for name in count}, rows, repeated, notes)


def _from_frame(origin: Place, frame: Any) -> Table:
    nw = require("narwhals", "tables", "reading a data frame")
    if hasattr(frame, "iloc"):  # narwhals refuses two columns of one name, and names that are none
        names = [str(name) for name in frame.columns]
        parts = [nw.from_native(frame.iloc[:, i], series_only=True) for i in range(len(names))]
    else:
        native = nw.from_native(frame, pass_through=True)
        if not isinstance(native, nw.DataFrame):
            raise DataError(
                f"{origin.source}: expected a data frame with its cells in memory, found "
                f"{type(frame).__name__}. Call its collect() or compute() first."
            )
        names, parts = list(native.columns), list(native.iter_columns())
    series = zip(names, parts, strict=True)
    return table_of(origin, [(name, _series(nw, name, origin, part)) for name, part in series])


def _series(nw: Any, name: str, origin: Place, series: Any) -> Column:
    kind = series.dtype
    if kind.is_numeric() or kind == nw.Boolean:
        absent = series.is_null().to_numpy()
        if kind == nw.Decimal:
            series = series.cast(nw.Float64)
        filled = series.fill_null(False if kind == nw.Boolean else 0).to_numpy()
        return ArrayColumn(name, origin, filled, absent)
    if kind in (nw.Date, nw.Datetime):
        if getattr(kind, "time_zone", None) is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return ArrayColumn(name, origin, series.to_numpy())
    if kind == nw.String:
        native = series.to_native()
        if type(native).__module__.startswith("pyarrow"):
            return ArrowColumn(name, origin, native.cast("string"), Numerals())
        return text_column(name, origin, series.to_list())
    column = column_of(name, origin, series.to_list())
    column.categorical = kind in (nw.Categorical, nw.Enum)
    return column


def _from_rows(origin: Place, rows: Sequence[Any]) -> Table:
    odd = next((i for i, row in enumerate(rows) if not isinstance(row, Mapping)), None)
    if odd is not None:
        raise DataError(
            f"{origin.of(odd)}: expected a mapping of names to cells, as in the first row, found "
            f"{type(rows[odd]).__name__}."
        )
    names = dict.fromkeys(name for row in rows for name in row)
    columns = [(str(n), column_of(str(n), origin, [row.get(n) for row in rows])) for n in names]
    return table_of(origin, columns)


def _from_array(origin: Place, data: Any) -> Table:
    try:
        array = np.asarray(data)
        if array.dtype.kind in "US" and array is not data:
            array = np.asarray(data, object)  # as they were: NumPy writes 1 as "1" beside a text
    except (TypeError, ValueError) as error:
        raise DataError(f"{origin.source} is not a table: {error}") from error
    if array.dtype.names is not None and array.ndim == 1:
        return table_of(origin, [(n, column_of(n, origin, array[n])) for n in array.dtype.names])
    if array.ndim != 2:
        raise DataError(
            f"{origin.source}: expected two dimensions (rows, columns), a data frame, a mapping of "
            f"names to columns or a list of mappings, found shape {array.shape}."
        )
    names = [f"x{i}" for i in range(array.shape[1])]
    columns = [(n, column_of(n, origin, array[:, i])) for i, n in enumerate(names)]
    return replace(table_of(origin, columns), named=False)
