"""Read a table of numbers with one target, from any file that `xpnet.tabular.read` reads."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from xpnet.arguments import choice, instance
from xpnet.errors import ArgumentError, DataError, in_brief
from xpnet.saving.whole_file import given_path
from xpnet.tabular import Column, Task, read
from xpnet.tabular.booleans import as_booleans
from xpnet.tabular.column import Place
from xpnet.tabular.npzfile import read_npz
from xpnet.tabular.sequences import column_of
from xpnet.tabular.table import Table as AnyTable
from xpnet.tabular.target_labels import target_labels

__all__ = ["Table", "read_table"]

_UNNAMED = "Unnamed: 0"  # the index that pandas writes


@dataclass(frozen=True, eq=False)
class Table:
    """Features and a target, ready for training.

    Attributes
    ----------
    X : ndarray of float32, shape (n, d)
        The features.
    y : ndarray of int64 or float32, shape (n,)
        For classification, the index of each row's class in `classes`; otherwise the values.
    feature_names : tuple of str, length d
        Names of the columns of `X`.
    target_name : str
        Name of the target.
    classes : tuple of str or None
        The sorted target values that 0, 1, ... stand for, as written; None for regression.
    X_test : ndarray of float32, shape (n_test, d), or None
        Features held out for the test, if the file has them.
    y_test : ndarray of int64 or float32, shape (n_test,), or None
        Their targets, encoded as `y` is.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int64] | NDArray[np.float32]
    feature_names: tuple[str, ...]
    target_name: str
    classes: tuple[str, ...] | None
    X_test: NDArray[np.float32] | None = None
    y_test: NDArray[np.int64] | NDArray[np.float32] | None = None


def read_table(
    path: str | os.PathLike[str], target: str | None = None, task: Task = "auto"
) -> Table:
    """Read features and a target from a file.

    The file is one that `xpnet.tabular.read` reads, whose features are numbers or booleans. A NumPy
    archive holds the arrays ``X`` (rows, features) and ``y`` (rows,) or (rows, 1), and may hold
    ``X_test`` and ``y_test``. Nothing in it is unpickled. For columns of text, dates and missing
    cells, see `xpnet.tabular`.

    Parameters
    ----------
    path : path-like
        The file.
    target : str, optional
        Header of the target column; by default the last column.
    task : {"auto", "classification", "regression"}
        Kind of target. ``"auto"`` treats text and booleans as classes. It also treats whole
        numbers as classes if they have exactly two distinct values, or at most 100 (at most half
        as many as rows, or 10 if that is more), none of them negative. Anything else is regression.

    Returns
    -------
    Table
        The data. Classes are numbered from 0 in the order of their sorted values.

    Raises
    ------
    DataError
        If the file cannot be read or holds anything but finite numbers and a target.
    ArgumentError
        If `task` is not one of the three, or `target` is given for a NumPy archive.
    """
    choice("task", task, get_args(Task))
    path = given_path(path)
    if target is not None:
        instance("target", target, str, "the name of a column")
    if path.suffix.lower() == ".npz":
        return _from_npz(path, target, task)
    return _from_table(read(path), target, task)


def _from_table(table: AnyTable, target: str | None, task: Task) -> Table:
    if len(table.columns) < 2:
        raise DataError(
            f"{table.source}: expected at least two columns, a feature and the target, separated "
            f"by commas, semicolons or tabs; found {len(table.columns)}."
        )
    if table.repeated:
        name = min(table.repeated)
        raise DataError(f"{table.source}: several columns are named {name!r}. Rename all but one.")
    column = table[list(table.columns)[-1] if target is None else target]
    names = [name for name in table.columns if name not in (column.name, _UNNAMED)]
    X = np.empty((table.rows, len(names)), np.float32)
    for i, name in enumerate(names):
        X[:, i] = _feature(table[name])
    y, classes = _target(column, task)
    return Table(X, y, tuple(names), column.name, classes)


def _from_npz(path: Path, target: str | None, task: Task) -> Table:
    if target is not None:
        raise ArgumentError(
            f"{path} is a NumPy archive; its target is the array 'y'; got "
            f"target={in_brief(target)}. "
            "Leave it out."
        )
    arrays = read_npz(path)
    y, classes = _target(column_of("y", Place(str(path)), arrays["y"]), task)
    y_test = None
    if "y_test" in arrays:
        y_test = _encoded(column_of("y_test", Place(str(path)), arrays["y_test"]), classes)
    names = tuple(f"x{i}" for i in range(arrays["X"].shape[1]))
    return Table(arrays["X"], y, names, "y", classes, arrays.get("X_test"), y_test)


def _feature(column: Column) -> NDArray[np.float32]:
    try:
        return _complete(column, column.numbers())
    except DataError as error:
        try:
            values = as_booleans(column)
        except DataError:
            raise error from None  # says what to do about numbers
    return _complete(column, values)


def _target(
    column: Column, task: Task
) -> tuple[NDArray[np.int64] | NDArray[np.float32], tuple[str, ...] | None]:
    _refuse_missing(column, column.missing(), "a target")
    labels = target_labels(column, task)
    if labels is None:
        return _complete(column, column.numbers()), None
    return labels.codes, tuple(map(str, labels.classes))


def _encoded(
    column: Column, classes: tuple[str, ...] | None
) -> NDArray[np.int64] | NDArray[np.float32]:
    """Targets of a test, as those before it."""
    _refuse_missing(column, column.missing(), "a target")
    if classes is None:
        return _complete(column, column.numbers())
    codes, values = column.texts()
    known = {name: number for number, name in enumerate(classes)}
    numbers = np.array([known.get(value, -1) for value in values], np.int64)[codes]
    if (numbers < 0).any():
        row = int(np.argmax(numbers < 0))
        raise DataError(
            f"{column.place(row)}: expected one of the {len(classes)} classes in y, found "
            f"{values[codes[row]]!r}. Correct it, or remove its row."
        )
    return numbers


def _complete(column: Column, values: NDArray[np.float64]) -> NDArray[np.float32]:
    """The values as float32, none of them missing or too large."""
    _refuse_missing(column, np.isnan(values), "a number")
    large = np.abs(values) > np.finfo(np.float32).max
    if large.any():
        row = int(np.argmax(large))
        raise DataError(
            f"{column.place(row)}: expected a finite number of at most 3.4e38 (float32), found "
            f"{values[row]}. Correct it, or remove its row."
        )
    return values.astype(np.float32)


def _refuse_missing(column: Column, missing: NDArray[np.bool_], expected: str) -> None:
    if missing.any():
        raise DataError(
            f"{column.place(int(np.argmax(missing)))}: expected {expected}, found an empty cell "
            "or NA. Fill it in, or remove its row or its column."
        )
