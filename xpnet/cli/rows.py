"""Rows of a file as a saved model expects them: its columns, on its scales, with its classes."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.cli.preprocessing import Preprocessing
from xpnet.cli.source import existing_table
from xpnet.datasets.csvfile import read_columns, read_csv
from xpnet.datasets.npzfile import read_inputs, read_npz
from xpnet.datasets.target import class_names, parse_target
from xpnet.errors import DataError

__all__ = ["read_features", "read_rows"]


def read_features(data: str, prepared: Preprocessing) -> NDArray[Any]:
    """Read the features alone: columns of a CSV file by name, or the array ``X`` of an archive.

    Raises
    ------
    DataError
        If there is no such file, or it lacks a column.
    """
    path = existing_table(data)
    csv = path.suffix.lower() == ".csv"
    X = read_columns(path, prepared.columns) if csv else read_inputs(path)
    return _scaled(path, X, prepared)


def read_rows(data: str, prepared: Preprocessing) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read features and targets; from an archive, ``X_test`` and ``y_test`` if it has them.

    Raises
    ------
    DataError
        If there is no such file, it lacks a column, or a target is not one of the model's classes.
    """
    path = existing_table(data)
    if path.suffix.lower() == ".csv":
        columns = read_csv(path, prepared.target)
        X = columns.X if prepared.columns is None else read_columns(path, prepared.columns)
        y = parse_target(path, columns, "classification" if prepared.classes else "regression")
    else:
        arrays = read_npz(path)
        test = "_test" if "X_test" in arrays else ""
        X, y = arrays[f"X{test}"], arrays[f"y{test}"]
    return _scaled(path, X, prepared), _target(path, y, prepared)


def _scaled(path: Path, X: NDArray[Any], prepared: Preprocessing) -> NDArray[Any]:
    scale = prepared.features
    if scale is None:
        return X
    if X.shape[1:] != scale.mean.shape:
        raise DataError(
            f"{path} has {X.shape[1]} features, but the model was trained on {len(scale.mean)}."
        )
    return scale.apply(X)


def _target(path: Path, y: NDArray[Any], prepared: Preprocessing) -> NDArray[Any]:
    """Class numbers, or values on the model's scale."""
    if prepared.classes is None:
        if y.dtype.kind == "U":
            raise DataError(f"{path}: the model predicts numbers, but the targets are text.")
        return y if prepared.values is None else prepared.values.apply(y)
    numbers = {name: number for number, name in enumerate(prepared.classes)}
    names = class_names(y) or ()
    unknown = [name for name in names if name not in numbers]
    if unknown:
        raise DataError(
            f"{path}: {unknown[0]!r} is not one of the model's classes, which are "
            f"{', '.join(prepared.classes[:20])}."
        )
    return np.array([numbers[name] for name in names], dtype=np.int64)
