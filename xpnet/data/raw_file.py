"""The rows of a .npy file, read with system calls instead of page faults."""

import os
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from xpnet.data.row_source import ArraySource, Source
from xpnet.errors import DataError
from xpnet.typing import Array, size_of

__all__ = ["RawFile", "open_npy"]

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class RawFile(Source):
    """Rows that follow one another in a file, in one type.

    A block is one read of the system, straight into the memory where it is needed. A memory map
    would take a page fault for every few pages, and its pages would count as the process's.

    Parameters
    ----------
    path : path
    start : int
        Where in the file the first row begins, in bytes.
    shape : tuple of int
    dtype : numpy dtype
    """

    def __init__(self, path: Path, start: int, shape: tuple[int, ...], dtype: Any) -> None:
        self._path, self._start, self.shape, self.dtype = path, start, shape, dtype
        self._width = size_of(shape[1:]) * dtype.itemsize
        self._descriptor: int | None = None
        self._lock = Lock()
        need, size = start + shape[0] * self._width, path.stat().st_size
        if size < need:
            raise DataError(f"{path} is cut off: it has {size} bytes of {need}.")

    def __getitem__(self, rows: slice) -> Array:
        out = np.empty((rows.stop - rows.start, *self.shape[1:]), self.dtype)
        self.read(rows, out)
        return out

    def read(self, rows: slice, out: Array) -> None:
        if out.dtype != self.dtype or not out.flags.c_contiguous:
            out[...] = self[rows]
            return
        view = memoryview(out.reshape(-1).view("uint8"))
        at = self._start + rows.start * self._width
        while len(view):
            count = self._read_at(at, view)
            if not count:
                raise DataError(f"{self._path} ended while it was read: it was cut off.")
            view, at = view[count:], at + count

    def expect(self, rows: slice) -> None:
        if hasattr(os, "posix_fadvise"):
            at, size = self._start + rows.start * self._width, rows.stop - rows.start
            os.posix_fadvise(self._opened(), at, size * self._width, os.POSIX_FADV_WILLNEED)

    def _read_at(self, at: int, view: memoryview) -> int:
        descriptor = self._opened()
        if hasattr(os, "preadv"):
            return os.preadv(descriptor, [view], at)
        with self._lock:  # a position belongs to the descriptor
            os.lseek(descriptor, at, os.SEEK_SET)
            found = os.read(descriptor, len(view))
        view[: len(found)] = found
        return len(found)

    def _opened(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        return self._descriptor

    def __del__(self) -> None:
        if getattr(self, "_descriptor", None) is not None:
            os.close(self._descriptor)  # type: ignore[arg-type]

    def __reduce__(self) -> Any:
        return type(self), (self._path, self._start, self.shape, self.dtype)


def open_npy(path: Path) -> Source:
    """The array in a .npy file.

    Raises
    ------
    DataError
        If the file is no whole .npy file of numbers.
    """
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            shape, by_columns, dtype = _HEADERS.get(version, _HEADERS[2, 0])(file)
            start = file.tell()
    except ValueError as error:
        raise DataError(f"{path} is not a .npy file: {error}") from error
    if dtype.hasobject:
        raise DataError(f"{path} holds Python objects: save an array of numbers instead.")
    if by_columns and len(shape) > 1:
        return ArraySource(np.load(path, mmap_mode="r"))
    if not shape:
        raise DataError(f"{path} holds a single number, not a row for each sample.")
    return RawFile(path, start, shape, dtype)
