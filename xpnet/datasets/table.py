"""Read a table of numbers with one target, from ``FILE.csv`` or ``FILE.npz``."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from xpnet.datasets.csvfile import read_csv
from xpnet.datasets.npzfile import read_npz
from xpnet.datasets.target import Task, class_names, encode, find_classes, parse_target
from xpnet.errors import ArgumentError, DataError, UnknownNameError

__all__ = ["Table", "read_table"]


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
        The sorted target values that 0, 1, ... stand for; None for regression.
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
    """Read features and a target from a CSV file or a NumPy archive.

    A CSV file is UTF-8 and begins with a header. Commas, semicolons or tabs separate its fields,
    which may be quoted. A NumPy archive holds the arrays ``X`` (rows, features) and ``y``
    (rows,) or (rows, 1), and may hold ``X_test`` and ``y_test``. Nothing in it is unpickled.

    Parameters
    ----------
    path : path-like
        A file whose name ends in ``.csv`` or ``.npz``.
    target : str, optional
        Header of the target column of a CSV file; by default the last column.
    task : {"auto", "classification", "regression"}
        Kind of target. ``"auto"`` treats text and booleans as classes. It also treats whole
        numbers as classes if they have exactly two distinct values, or at most 100, none of them
        negative. Anything else is regression.

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
    path = Path(path)
    if task not in get_args(Task):
        raise UnknownNameError("task", task, get_args(Task))
    match path.suffix.lower():
        case ".csv":
            return _from_csv(path, target, task)
        case ".npz":
            return _from_npz(path, target, task)
    raise DataError(f"{path}: expected a file named .csv or .npz, found {path.suffix!r}.")


def _from_csv(path: Path, target: str | None, task: Task) -> Table:
    columns = read_csv(path, target)
    values = parse_target(path, columns, task)
    classes = find_classes(str(path), values, task)
    return Table(
        X=columns.X,
        y=encode(str(path), values, classes),
        feature_names=tuple(columns.feature_names),
        target_name=columns.target_name,
        classes=class_names(classes),
    )


def _from_npz(path: Path, target: str | None, task: Task) -> Table:
    if target is not None:
        raise ArgumentError(
            f"{path} is a NumPy archive; its target is the array 'y'; got target={target!r}. "
            "Leave it out."
        )
    arrays = read_npz(path)
    classes = find_classes(f"{path}, array 'y'", arrays["y"], task)
    y_test = arrays.get("y_test")
    return Table(
        X=arrays["X"],
        y=encode(f"{path}, array 'y'", arrays["y"], classes),
        feature_names=tuple(f"x{i}" for i in range(arrays["X"].shape[1])),
        target_name="y",
        classes=class_names(classes),
        X_test=arrays.get("X_test"),
        y_test=None if y_test is None else encode(f"{path}, array 'y_test'", y_test, classes),
    )
