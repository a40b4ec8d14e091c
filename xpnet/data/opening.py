"""Open files and arrays as sources of rows."""

from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from xpnet.data.parquet_source import ParquetSource
from xpnet.data.raw_file import open_npy
from xpnet.data.row_source import ArraySource, Source
from xpnet.errors import ArgumentError
from xpnet.optional import require
from xpnet.typing import FilePath, TypedArray

__all__ = ["open"]

_HDF5, _PARQUET = (".h5", ".hdf5", ".hdf"), (".parquet", ".pq")


def open(where: FilePath | TypedArray, name: str | Sequence[str] | None = None) -> Source:
    """Open data that need not fit into memory, as a `Source` of rows.

    `Model.fit`, `evaluate`, `predict` and the estimators take sources as `X` and as `y`. Rows are
    converted to the model's type and checked as they are read.

    Parameters
    ----------
    where : path or object
        A file, told by the end of its name: ``.npy``, ``.h5`` or ``.hdf5`` (extra ``sources``),
        ``.zarr`` (a folder; extra ``sources``), ``.parquet`` (extra ``tables``). Or an object with
        `shape`, `dtype` and slices of rows: a memory map, an array of h5py, zarr or dask.
    name : str or sequence of str, optional
        The array in an HDF5 file or a zarr group; the columns of a Parquet file, where one name
        gives a vector and several give a matrix.

    Returns
    -------
    Source

    Raises
    ------
    ArgumentError
        If the file's kind is not known, there is no such name, or the object has no slices.
    DataError
        If the file cannot be read as numbers.
    MissingDependencyError
        If an optional package is missing; the error names the extra.

    Examples
    --------
    >>> import os, tempfile, numpy as np, xpnet as xn
    >>> path = os.path.join(tempfile.mkdtemp(), "x.npy")
    >>> np.save(path, np.zeros((1000, 4)))
    >>> source = xn.data.open(path)
    >>> source.shape, xn.MLP([4, 2]).predict(source).shape
    ((1000, 4), (1000, 2))
    """
    if isinstance(where, Source):
        return where
    if isinstance(where, str | PathLike):
        return _opened(Path(fspath(where)), name)
    if name is not None:
        raise ArgumentError("name is for files: give the array itself, such as file['X'].")
    if not all(hasattr(where, attribute) for attribute in ("shape", "dtype", "__getitem__")):
        raise ArgumentError(
            "xpnet.data.open expects a file, or an object with shape, dtype and slices; got "
            f"{type(where).__name__}. For a function or a loader that yields batches, use "
            "xpnet.data.batches."
        )
    return ArraySource(where)


def _opened(path: Path, name: str | Sequence[str] | None) -> Source:
    ending = path.suffix.lower()
    if not path.exists():
        raise ArgumentError(f"there is no {path}.")
    if ending in _PARQUET:
        return ParquetSource(path, name)
    if name is not None and not isinstance(name, str):
        raise ArgumentError(f"name must be the name of one array, got {name!r}.")
    if ending == ".npy":
        if name is not None:
            raise ArgumentError(f"{path} holds one array: leave name={name!r} out.")
        return open_npy(path)
    if ending in _HDF5:
        h5py: Any = require("h5py", "sources", "reading HDF5 files")
        return ArraySource(_member(path, h5py.File(path, "r"), name))
    if ending == ".zarr":
        zarr: Any = require("zarr", "sources", "reading zarr arrays")
        found = zarr.open(str(path), mode="r")
        return ArraySource(found if hasattr(found, "dtype") else _member(path, found, name))
    raise ArgumentError(
        f"{path} is of no kind that xpnet.data.open reads: .npy, .h5, .hdf5, .zarr or .parquet. "
        "Open it with its own library, and give an object with shape, dtype and slices."
    )


def _member(path: Path, group: Any, name: str | None) -> Any:
    """The array of this name in a group."""
    names = sorted(group)
    if name is None and len(names) == 1:
        name = names[0]
    if name is None or name not in group or not hasattr(group[name], "dtype"):
        raise ArgumentError(
            f"{path} holds {', '.join(map(repr, names)) or 'nothing'}: say which array to read, "
            f"as in xpnet.data.open({str(path)!r}, 'X')"
            + (f"; there is no array {name!r}." if name is not None else ".")
        )
    return group[name]
