"""Columns of numbers in a Parquet file, read one row group at a time."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from xpnet.data.row_source import Source
from xpnet.errors import ArgumentError, DataError
from xpnet.optional import require
from xpnet.typing import Array

__all__ = ["ParquetSource"]


class ParquetSource(Source):
    """Some columns of a Parquet file as a matrix, or one as a vector.

    A row group is decoded as a whole, and the last one is kept. So memory holds one group, and
    files with small groups are read best: ``row_group_size=10_000`` as they are written.

    Parameters
    ----------
    path : path
    columns : str or sequence of str, optional
        A name gives a vector, several a matrix. By default all columns.

    Raises
    ------
    ArgumentError
        If there is no such column.
    DataError
        If a column does not hold numbers.
    MissingDependencyError
        Without pyarrow (extra ``tables``).
    """

    def __init__(self, path: Path, columns: str | Sequence[str] | None = None) -> None:
        parquet: Any = require("pyarrow.parquet", "tables", "reading Parquet files")
        self._path, self._file = path, parquet.ParquetFile(path)
        known = {field.name: field.type for field in self._file.schema_arrow}
        self._single = isinstance(columns, str)
        self._names = [columns] if isinstance(columns, str) else [*(columns or known)]
        unknown = [name for name in self._names if name not in known]
        if unknown:
            raise ArgumentError(f"{path} has no columns {unknown}; it has {[*known]}.")
        self.dtype = np.result_type(*(_number(path, n, known[n]) for n in self._names))
        meta = self._file.metadata
        sizes = [meta.row_group(i).num_rows for i in range(meta.num_row_groups)]
        self._starts = [0, *accumulate(sizes)]
        self.shape = (meta.num_rows,) if self._single else (meta.num_rows, len(self._names))
        self.chunk = max(sizes, default=1)
        self._last: tuple[int, Array] | None = None

    def __getitem__(self, rows: slice) -> Array:
        out, at = np.empty((rows.stop - rows.start, *self.shape[1:]), self.dtype), rows.start
        while at < rows.stop:
            number = bisect_right(self._starts, at) - 1
            start, stop = self._starts[number], min(self._starts[number + 1], rows.stop)
            found = self._group(number)[at - start : stop - start]
            out[at - rows.start : stop - rows.start] = found
            at = stop
        return out

    def _group(self, number: int) -> Array:
        """The numbers of a row group."""
        last = self._last
        if last is None or last[0] != number:
            table = self._file.read_row_group(number, columns=self._names)
            found = [self._numbers(table.column(n), n) for n in self._names]
            last = number, found[0] if self._single else np.stack(found, axis=1)
            self._last = last
        return last[1]

    def _numbers(self, column: Any, name: str) -> Array:
        """A column of a row group; gaps become NaN, which a model refuses unless told otherwise."""
        if column.null_count and self.dtype.kind != "f":
            raise DataError(f"column {name!r} of {self._path} has gaps: fill them in.")
        return column.to_numpy().astype(self.dtype)

    def __reduce__(self) -> Any:
        return type(self), (self._path, self._names[0] if self._single else self._names)


def _number(path: Path, name: str, kind: Any) -> Any:
    """The NumPy type of a column of numbers."""
    try:
        found = np.dtype(kind.to_pandas_dtype())
    except (NotImplementedError, TypeError):
        found = np.dtype(object)
    if found.kind not in "biuf":
        raise DataError(
            f"column {name!r} of {path} holds {kind}, not numbers: name the columns to read, or "
            "use a TableModel or an estimator for tables."
        )
    return found
