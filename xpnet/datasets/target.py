"""Decide whether a target column holds class labels or values, and encode it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xpnet.datasets.csvfile import Columns, is_number, parse_numbers
from xpnet.datasets.npzfile import to_float32
from xpnet.errors import DataError

__all__ = ["Task", "class_names", "encode", "find_classes", "parse_target"]

Task = Literal["auto", "classification", "regression"]

_MOST_CLASSES = 100


def parse_target(path: Path, columns: Columns, task: Task) -> NDArray[Any]:
    """Return the target cells of a CSV file as float64 numbers, or as strings if they are text.

    Raises
    ------
    DataError
        If a cell is empty or not finite, or is text where a number is required or likely meant.
    """
    cells = columns.target
    numeric = [is_number(cell) for cell in cells]
    if task == "regression" or all(numeric):
        names = [columns.target_name]
        rows = zip(columns.lines, cells, strict=True)
        return np.array([parse_numbers(path, line, names, [cell])[0] for line, cell in rows])
    if "" in cells:
        raise DataError(
            f"{_position(path, columns, cells.index(''))}: expected a target, found an empty cell. "
            "Fill it in, or remove its row."
        )
    if task == "auto" and any(numeric):
        odd = numeric.index(False)
        raise DataError(
            f"{_position(path, columns, odd)}: the target mixes numbers and text, here "
            f"{cells[odd]!r}. Correct it, or use task='classification', which treats every "
            "value as the name of a class."
        )
    return np.array(cells)


def find_classes(where: str, values: NDArray[Any], task: Task) -> NDArray[Any] | None:
    """Return the sorted distinct values if they are class labels, otherwise None.

    Raises
    ------
    DataError
        If the task is regression and the values are text.
    """
    if values.dtype.kind == "U" and task == "regression":
        raise DataError(
            f"{where}: regression needs numbers, found text such as {str(values[0])!r}. "
            "Store them as numbers."
        )
    if task == "regression":
        return None
    distinct = np.unique(values)
    return distinct if task == "classification" or _look_like_labels(distinct) else None


def encode(where: str, values: NDArray[Any], classes: NDArray[Any] | None) -> NDArray[Any]:
    """Return the index of each value in `classes` as int64; without classes, float32 values.

    Raises
    ------
    DataError
        If a value is not one of the classes, or is text where numbers are expected.
    """
    if classes is None and values.dtype.kind != "U":
        return to_float32(where, values)
    if classes is None or (values.dtype.kind == "U") != (classes.dtype.kind == "U"):
        raise DataError(
            f"{where}: expected the same kind of targets as in y, found {values.dtype}. "
            "Store both as text, or both as numbers."
        )
    known = np.isin(values, classes)
    if not known.all():
        raise DataError(
            f"{where}, index {int(np.argmin(known))}: expected one of the {len(classes)} classes "
            f"in y, found {str(values[np.argmin(known)])!r}. Correct it, or remove its row."
        )
    return np.searchsorted(classes, values).astype(np.int64)


def class_names(classes: NDArray[Any] | None) -> tuple[str, ...] | None:
    """Write each class as a string; whole numbers have no decimal point."""
    if classes is None:
        return None
    values: Sequence[object] = classes.tolist()
    return tuple(
        str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        for value in values
    )


def _look_like_labels(distinct: NDArray[Any]) -> bool:
    """Text and booleans; whole numbers if there are two (-1 and 1), or few and none negative."""
    if distinct.dtype.kind in "Ub":
        return True
    if (distinct != np.trunc(distinct)).any():
        return False
    return len(distinct) == 2 or (bool(distinct[0] >= 0) and len(distinct) <= _MOST_CLASSES)


def _position(path: Path, columns: Columns, row: int) -> str:
    return f"{path}, line {columns.lines[row]}, column {columns.target_name!r}"
