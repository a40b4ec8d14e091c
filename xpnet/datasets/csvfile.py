"""Read a CSV file of numbers with one target column; errors name the line and the column."""

import csv
import math
import re
from array import array
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import DataError

__all__ = ["Columns", "header_doubt", "is_number", "parse_numbers", "read_columns", "read_csv"]

_DELIMITERS = ",;\t"
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_COLUMNS_LISTED = 40


@dataclass(frozen=True, eq=False)
class Columns:
    """A CSV file with parsed features and the target as text.

    Attributes
    ----------
    X : ndarray of float32, shape (n, d)
        The feature columns.
    target : list of str, length n
        The cells of the target column, without surrounding spaces.
    lines : list of int, length n
        The line of the file that each row ends on, counted from 1.
    feature_names : list of str, length d
        Headers of the feature columns.
    target_name : str
        Header of the target column.
    """

    X: NDArray[np.float32]
    target: list[str]
    lines: list[int]
    feature_names: list[str]
    target_name: str


def read_csv(path: Path, target: str | None) -> Columns:
    """Read a CSV file whose first line names the columns.

    Parameters
    ----------
    path : Path
        The file: UTF-8; commas, semicolons or tabs; fields may be quoted; blank lines are skipped.
    target : str or None
        Header of the target column; None means the last column.

    Raises
    ------
    DataError
        If the file cannot be read; the message names the line and the column.
    """
    try:
        with closing(_rows(path)) as rows:
            _, names = next(rows, (1, []))
            _check_header(path, names)
            try:
                _check_names(path, names)
                return _parse(path, rows, names, _target_index(path, names, target))
            except DataError as error:
                if doubt := header_doubt(names):
                    raise DataError(f"{error} {doubt}") from error
                raise
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def read_columns(path: Path, names: Sequence[str] | None) -> NDArray[np.float32]:
    """Read the columns with these names, in this order, from a CSV file; None reads all columns.

    Raises
    ------
    DataError
        If the file cannot be read, a column is missing, or holds anything but finite numbers.
    """
    try:
        with closing(_rows(path)) as rows:
            _, header = next(rows, (1, []))
            names = header if names is None else names
            positions = _positions(path, header, names)
            values = array("f")
            for line, row in _full(path, rows, header):
                values.extend(parse_numbers(path, line, names, [row[i] for i in positions]))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not values:
        raise DataError(f"{path} has a header but no rows of data below it.")
    return np.frombuffer(values, np.float32).reshape(-1, len(names))


def _positions(path: Path, header: list[str], names: Sequence[str]) -> list[int]:
    """The positions of the columns in the header."""
    missing = [name for name in names if name not in header]
    if missing or not names:
        listed = ", ".join(map(repr, missing[:_COLUMNS_LISTED]))
        raise DataError(
            f"{path}, line 1: expected a header with the columns that the model was trained on; "
            f"missing: {listed}."
        )
    return [header.index(name) for name in names]


def parse_numbers(path: Path, line: int, names: Sequence[str], cells: Sequence[str]) -> list[float]:
    """Parse the cells of one row; the error names the first that is not a finite number."""
    numbers = []
    for name, cell in zip(names, cells, strict=True):
        try:
            numbers.append(_finite(cell))
        except ValueError as error:
            raise DataError(f"{path}, line {line}, column {name!r}: {error}") from None
    return numbers


def is_number(cell: str) -> bool:
    """Whether a cell is a number, including ``nan`` and ``inf``."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # float() accepts "1_000", as Python's own literals do


def header_doubt(names: Sequence[str]) -> str:
    """A hint that the header may be missing if several names are numbers; otherwise empty.

    Consecutive numbers count as names: pandas numbers unnamed columns, and years are consecutive.
    """
    numbers = [name for name in names if is_number(name)]
    if all(right - left == 1 for left, right in pairwise(sorted(map(float, numbers)))):
        return ""
    return (
        f"Line 1 looks like data: it has names such as {numbers[0]!r} and {numbers[1]!r}. If the "
        "header is missing, add a first line that names the columns."
    )


def _finite(cell: str) -> float:
    if not cell:
        raise ValueError(
            "expected a number, found an empty cell. Fill it in, or remove its row or its column."
        )
    if cell.count(",") == 1 and is_number(cell.replace(",", ".")):
        raise ValueError(
            f"expected a number with a decimal point, found {cell!r}. Replace decimal commas by "
            "decimal points."
        )
    if not is_number(cell):
        raise ValueError(
            f"expected a number, found {cell!r}. Correct it, or remove the column or replace its "
            "categories by numbers."
        )
    number = float(cell)
    if not math.fabs(number) <= _FLOAT32_MAX:
        raise ValueError(
            f"expected a finite number of at most 3.4e38 (float32), found {cell!r}. Correct it, "
            "or remove its row."
        )
    return number


def _rows(path: Path) -> Generator[tuple[int, list[str]], None, None]:
    """Yield the line number and the stripped cells of every row."""
    with path.open("rb") as stream:
        lines = _decoded(path, stream)
        header = next(lines, "")
        reader = csv.reader(
            chain([header], lines),
            delimiter=_delimiter(header),
            skipinitialspace=True,
            strict=True,
        )
        try:
            for row in reader:
                yield reader.line_num, [cell.strip() for cell in row]
        except csv.Error as error:
            raise DataError(
                f"{path}, line {reader.line_num}: not well-formed CSV ({error}). "
                "Check the quotes and the line endings."
            ) from error


def _decoded(path: Path, stream: Iterable[bytes]) -> Iterator[str]:
    """Decode line by line: a text file's own decoder cannot report the line of an error."""
    for number, line in enumerate(stream, start=1):
        try:
            # A spreadsheet's "CSV UTF-8" begins with a byte order mark.
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{path}, line {number}: expected UTF-8, found byte 0x{line[error.start]:02x} at "
                f"position {error.start + 1}. Save the file as UTF-8."
            ) from error


def _delimiter(header: str) -> str:
    """The most frequent delimiter in the header, not counting quoted names."""
    return max(_DELIMITERS, key=re.sub(r'"[^"]*"', "", header).count)


def _check_header(path: Path, names: Sequence[str]) -> None:
    if len(names) < 2:
        raise DataError(
            f"{path}, line 1: expected a header that names at least two columns, a feature and the "
            f"target, separated by commas, semicolons or tabs; found {len(names)}."
        )
    if all(is_number(name) for name in names):
        raise DataError(
            f"{path}, line 1: expected a header that names the columns, found only numbers. "
            "Add a first line with the names."
        )


def _check_names(path: Path, names: Sequence[str]) -> None:
    for number, name in enumerate(names, start=1):
        if not name:
            pandas = " If pandas wrote the file, use to_csv(path, index=False)."
            raise DataError(
                f"{path}, line 1: column {number} has no name. Name or remove it."
                f"{pandas if number == 1 else ''}"
            )
        if name in names[: number - 1]:
            raise DataError(f"{path}, line 1: two columns are named {name!r}. Rename one of them.")


def _target_index(path: Path, names: list[str], target: str | None) -> int:
    if target is None:
        return len(names) - 1
    if target in names:
        return names.index(target)
    near = get_close_matches(target, names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(repr(name) for name in names[:_COLUMNS_LISTED])
    more = ", ..." if len(names) > _COLUMNS_LISTED else ""
    raise DataError(f"{path} has no column {target!r}.{hint} Its columns: {listed}{more}.")


def _full(
    path: Path, rows: Iterator[tuple[int, list[str]]], names: list[str]
) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank; each must have as many fields as the header."""
    for line, row in rows:
        if row in ([], [""]):
            continue
        if len(row) != len(names):
            raise DataError(
                f"{path}, line {line}: expected {len(names)} fields, as in the header, found "
                f"{len(row)}. Add the missing fields, or quote fields that contain the delimiter."
            )
        yield line, row


def _parse(
    path: Path, rows: Iterator[tuple[int, list[str]]], names: list[str], target: int
) -> Columns:
    features = names[:target] + names[target + 1 :]
    values = array("f")
    cells: list[str] = []
    lines: list[int] = []
    for line, row in _full(path, rows, names):
        cells.append(row.pop(target))
        lines.append(line)
        values.extend(parse_numbers(path, line, features, row))
    if not cells:
        raise DataError(f"{path} has a header but no rows of data below it.")
    X = np.frombuffer(values, np.float32).reshape(len(cells), len(features))
    return Columns(X, cells, lines, features, names[target])
