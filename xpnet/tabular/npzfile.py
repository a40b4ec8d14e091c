"""Read a NumPy archive that holds a table in the arrays ``X`` and ``y``."""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import DataError
from xpnet.saving.whole_file import open_file
from xpnet.tabular.npz_sizes import check_members

__all__ = ["read_columns", "read_npz", "read_test_columns"]

_REQUIRED = ("X", "y")
_TEST = ("X_test", "y_test")


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read and check ``X`` and ``y``, and ``X_test`` and ``y_test`` if the file has them.

    Nothing is unpickled, so an untrusted file cannot run code. Other arrays are ignored.

    Parameters
    ----------
    path : Path
        The file, as written by ``numpy.savez``.

    Returns
    -------
    dict of str to ndarray
        Inputs as float32 of shape (n, d), and targets of shape (n,) in their own type. In the file
        targets may also be a column of shape (n, 1).

    Raises
    ------
    DataError
        If the file cannot be read, an array is missing, or has the wrong type or shape.
    """
    arrays = _load(path, _REQUIRED, _TEST)
    for inputs, target in (_REQUIRED, _TEST):
        if inputs in arrays:
            where = f"{path}, array {inputs!r}"
            arrays[inputs] = _float32(where, _table(where, arrays[inputs]))
            arrays[target] = _column(path, target, arrays[target], len(arrays[inputs]))
            if arrays[target].dtype.kind == "f":
                _float32(f"{path}, array {target!r}", arrays[target])
    if "X_test" in arrays and arrays["X_test"].shape[1] != arrays["X"].shape[1]:
        raise DataError(
            f"{path}: X and X_test must have the same number of columns, found "
            f"{arrays['X'].shape[1]} and {arrays['X_test'].shape[1]}."
        )
    return arrays


def read_columns(path: Path) -> dict[str, NDArray[Any]]:
    """Read the columns of ``X``, named ``x0``, ``x1``, ..., and ``y`` if it is there.

    Raises
    ------
    DataError
        See `read_npz`; values that are not finite are left to the columns.
    """
    return _columns(path, _load(path, ("X",), ("y",)), *_REQUIRED)


def read_test_columns(path: Path) -> dict[str, NDArray[Any]] | None:
    """The same of ``X_test`` and ``y_test``; None if the file has neither."""
    arrays = _load(path, (), _TEST)
    return _columns(path, arrays, *_TEST) if arrays else None


def _columns(
    path: Path, arrays: dict[str, NDArray[Any]], inputs: str, target: str
) -> dict[str, NDArray[Any]]:
    X = _table(f"{path}, array {inputs!r}", arrays[inputs])
    columns = {f"x{i}": X[:, i] for i in range(X.shape[1])}
    if target in arrays:
        columns["y"] = _column(path, target, arrays[target], len(X))
    return columns


def _load(
    path: Path, wanted: tuple[str, ...], more: tuple[str, ...] = ()
) -> dict[str, NDArray[Any]]:
    """Some arrays, and more if they are there."""
    try:
        with open_file(path) as stream:
            if not zipfile.is_zipfile(stream):
                raise DataError(f"{path} is not a NumPy archive. Write it with numpy.savez.")
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as archive:
                names = _names(path, archive.files, wanted, more)
                check_members(archive.zip, names, os.fstat(stream.fileno()).st_size)
                return {name: _member(path, archive, name) for name in names}
    except (DataError, MemoryError):
        raise
    except Exception as error:  # of zipfile, of its four ways to compress, or of NumPy
        raise DataError(f"{path} cannot be read: {error}") from error


def _member(path: Path, archive: Any, name: str) -> NDArray[Any]:
    try:
        return np.asarray(archive[name])
    except ValueError as error:
        raise DataError(
            f"{path}, array {name!r} cannot be read: {error}. Store plain numbers or strings."
        ) from error


def _names(
    path: Path, found: list[str], wanted: tuple[str, ...], more: tuple[str, ...]
) -> tuple[str, ...]:
    """The arrays to load: those required, and all of the others if the file has any."""
    names = wanted + (more if any(name in found for name in more) else ())
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(
            f"{path}: expected arrays {', '.join(names)}, but {', '.join(missing)} is missing; "
            f"found {', '.join(found) or 'none'}. Write them with numpy.savez(path, X=X, y=y)."
        )
    return names


def _table(where: str, values: NDArray[Any]) -> NDArray[Any]:
    if values.ndim != 2 or 0 in values.shape:
        raise DataError(
            f"{where}: expected two dimensions (rows, features), at least one of each, found shape "
            f"{values.shape}. Flatten images with X.reshape(len(X), -1)."
        )
    _check_kind(where, values, "biuf", "numbers")
    return values


def _column(path: Path, name: str, values: NDArray[Any], rows: int) -> NDArray[Any]:
    where = f"{path}, array {name!r}"
    if values.shape == (rows, 1):
        values = values[:, 0]
    if values.shape != (rows,):
        remedy = f" It is one-hot: use {name}.argmax(axis=1)." if _one_hot(values) else ""
        raise DataError(
            f"{where}: expected one target for each of {rows} rows, shape ({rows},), found shape "
            f"{values.shape}.{remedy}"
        )
    _check_kind(where, values, "biufU", "numbers or strings")
    return values


def _one_hot(values: NDArray[Any]) -> bool:
    """Whether every row has a single 1 and zeros elsewhere."""
    if values.ndim != 2 or values.dtype.kind not in "biuf" or values.size == 0:
        return False
    return bool(((values == 0) | (values == 1)).all() and (values.sum(axis=1) == 1).all())


def _check_kind(where: str, values: NDArray[Any], kinds: str, expected: str) -> None:
    if values.dtype.kind not in kinds:
        raise DataError(f"{where}: expected {expected}, found dtype {values.dtype}. Convert it.")


def _float32(where: str, values: NDArray[Any]) -> NDArray[np.float32]:
    """Convert to float32; refuse values that are not finite in float32."""
    with np.errstate(over="ignore"):
        converted = values.astype(np.float32)
    bad = np.argwhere(~np.isfinite(converted))
    if len(bad):
        index = tuple(bad[0].tolist())
        raise DataError(
            f"{where}, index {index}: expected a finite number of at most 3.4e38 (float32), found "
            f"{values[index]}. Replace it, or remove its row."
        )
    return converted
