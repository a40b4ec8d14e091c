"""Rows that are read when they are needed, from a file or from any object with slices."""

import mmap
from collections.abc import Callable
from typing import Any

from xpnet.backends import backend_of, get
from xpnet.errors import ArgumentError
from xpnet.typing import Array, Shape, size_of

__all__ = ["ArraySource", "Source", "found_source"]

_WHOLE = 1 << 25  # bytes from which an object of another library is not read at once


class Source:
    """Samples that are read from somewhere, a slice at a time.

    `open` makes sources of files and arrays. For anything else, derive a class that sets `shape`
    and `dtype` and reads rows in ``__getitem__``. `Model.fit`, `evaluate`, `predict` and the
    estimators take sources as `X`, and as `y`. They convert and check a part at a time. Parts are
    read in a thread of its own, one part at a time.

    Attributes
    ----------
    shape : tuple of int
        Number of rows, then the shape of one sample.
    dtype : numpy dtype
        A type of real numbers.
    chunk : int, default 1
        Number of rows that are stored together, so that reading one means reading all of them.

    Examples
    --------
    >>> import numpy as np, xpnet as xn
    >>> class Squares(xn.data.Source):
    ...     shape, dtype = (1000, 1), np.dtype("float32")
    ...     def __getitem__(self, rows):
    ...         return np.arange(rows.start, rows.stop, dtype="float32")[:, None] ** 2
    >>> xn.MLP([1, 4, 1], loss="mse").predict(Squares()).shape
    (1000, 1)
    """

    shape: Shape
    dtype: Any
    chunk: int = 1

    def __getitem__(self, rows: slice) -> Array:
        """The rows from ``rows.start`` to ``rows.stop``, whole numbers within the source."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__.")

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, rows: slice, out: Array) -> None:
        """Write these rows into a NumPy array, converted to its type.

        The default assigns ``self[rows]``. A class that can read into given memory saves a copy.
        """
        out[...] = self[rows]

    def expect(self, rows: slice) -> None:
        """Prepare for these rows, which are read soon; by default nothing is done."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={tuple(self.shape)}, dtype={self.dtype})"


class ArraySource(Source):
    """The rows of an object with `shape`, `dtype` and slices, such as h5py's and zarr's arrays.

    Parameters
    ----------
    array : object
    """

    def __init__(self, array: Any) -> None:
        self._array, self.dtype = array, array.dtype
        self.shape = tuple(int(n) for n in array.shape)
        if not self.shape:
            raise ArgumentError("a source must have one row per sample, got a single number.")
        self.chunk = _chunk(array)
        self._direct = getattr(array, "read_direct", None)  # h5py's
        self._advise = _advice(array)

    def __getitem__(self, rows: slice) -> Array:
        return get("numpy").asarray(self._array[rows.start : rows.stop])

    def read(self, rows: slice, out: Array) -> None:
        if self._direct is not None and out.dtype == self.dtype:
            self._direct(out, slice(rows.start, rows.stop))
        else:
            super().read(rows, out)

    def expect(self, rows: slice) -> None:
        if self._advise is not None:
            self._advise(rows)


def _advice(array: Any) -> Callable[[slice], None] | None:
    """For a memory map of whole rows: a function that lets the system read rows from the disk."""
    memory = getattr(array, "_mmap", None)
    if memory is None or array.base is not memory or not array.flags.c_contiguous:
        return None
    will_need, page = getattr(mmap, "MADV_WILLNEED", None), mmap.ALLOCATIONGRANULARITY
    if will_need is None:
        return None
    start, width = array.offset % page, array.nbytes // array.shape[0]

    def advise(rows: slice) -> None:
        first = (start + rows.start * width) // page * page
        memory.madvise(will_need, first, start + rows.stop * width - first)

    return advise


def _chunk(array: Any) -> int:
    """Rows that are stored together."""
    chunks = getattr(array, "shards", None) or getattr(array, "chunks", None)
    first = chunks[0] if isinstance(chunks, tuple) and chunks else 1
    if isinstance(first, tuple):  # dask's, of different sizes
        first = max(first, default=1)
    return max(1, int(first)) if isinstance(first, int) else 1


def found_source(x: Any, dtype: str) -> Source | None:
    """The source that data are, or that reads them; None for data to convert at once.

    Arrays of h5py, zarr, dask and the like, and memory maps of another type or layout than the
    model's, become sources unless they are small.
    """
    if isinstance(x, Source):
        return x
    try:
        found = _has_slices(x, dtype)
    except Exception:  # an object may offer the attributes halfway; it is refused elsewhere
        return None
    if not found:
        return None
    itemsize = get("numpy").xp.dtype(dtype).itemsize
    return ArraySource(x) if size_of(tuple(x.shape)) * itemsize > _WHOLE else None


def _has_slices(x: Any, dtype: str) -> bool:
    """Whether the data are not in memory as an array that can be used as it is."""
    host = get("numpy")
    if host.plain(x) or not all(hasattr(x, name) for name in ("shape", "dtype", "__getitem__")):
        return False
    if host.owns(x):  # a map in this type is used in place
        mapped = getattr(x, "_mmap", None) is not None and x.ndim > 0
        return mapped and (x.dtype != dtype or not x.flags.c_contiguous)
    if any(hasattr(x, name) for name in ("to_numpy", "toarray", "mask")):
        return False
    if not isinstance(x.shape, tuple) or not x.shape:
        return False
    return type(x).__module__.startswith("dask.") or backend_of(x) is None
