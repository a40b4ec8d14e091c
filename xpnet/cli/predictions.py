"""Files of predictions: columns with names, written whole or not at all."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import ArgumentError
from xpnet.optional import require
from xpnet.saving.whole_file import check_place, writing

__all__ = ["Columns", "check_out", "with_gaps", "write", "write_csv"]

Columns: TypeAlias = Mapping[str, NDArray[Any]]


def check_out(path: str) -> None:
    """Refuse a file that could not be written after predicting.

    Raises
    ------
    ArgumentError, FormatError
        If its name has no known ending, or it may not be written.
    """
    if Path(path).suffix.lower() not in _WRITERS:
        raise ArgumentError(f"--out {path}: the name must end in {', '.join(_WRITERS)}.")
    check_place(path)


def with_gaps(labels: NDArray[Any], outputs: NDArray[Any]) -> NDArray[Any]:
    """The predicted classes, but an empty text in each row whose outputs are NaN."""
    gaps = np.isnan(outputs).any(axis=1)
    return np.where(gaps, "", labels.astype(str)) if gaps.any() else labels


def write(path: str, columns: Columns) -> None:
    """Write the columns to a file of the kind that its name says.

    Raises
    ------
    FormatError
        If it cannot be written; a file that was there is then unchanged.
    """
    with writing(path) as temporary:
        _WRITERS[Path(path).suffix.lower()](temporary, columns)


def write_csv(stream: TextIO, columns: Columns) -> None:
    """A header, then one line per row; numbers have just enough digits to be exact."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(map(str, column) for column in columns.values()), strict=True))


def _csv(path: Path, columns: Columns) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        write_csv(stream, columns)


def _npz(path: Path, columns: Columns) -> None:
    with path.open("wb") as stream:  # given a name, NumPy would add an ending
        np.savez(stream, **columns)  # type: ignore[arg-type]


def _parquet(path: Path, columns: Columns) -> None:
    pyarrow = require("pyarrow", "tables", "--out FILE.parquet")
    parquet = require("pyarrow.parquet", "tables", "--out FILE.parquet")
    with path.open("wb") as stream:  # pyarrow writes names as UTF-8, whatever the system's encoding
        parquet.write_table(pyarrow.table(dict(columns)), stream)


_WRITERS: dict[str, Callable[[Path, Columns], None]] = {
    ".csv": _csv,
    ".npz": _npz,
    ".parquet": _parquet,
}
