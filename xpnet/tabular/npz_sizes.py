"""Check what the arrays in a NumPy archive claim, before memory is asked for."""

from collections.abc import Iterable
from math import prod
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np

__all__ = ["check_members"]

# An archive may take this many bytes of memory, and as many for each of its own bytes.
_FREE, _RATIO = 32 * 2**20, 25
_HEADERS: dict[Any, Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def check_members(archive: ZipFile, names: Iterable[str], size: int) -> None:
    """Raise unless these arrays are as large as they claim, and not compressed beyond reason.

    Parameters
    ----------
    archive : ZipFile
    names : iterable of str
        The arrays to be read, without the ending ``.npy``.
    size : int
        Of the archive, in bytes.

    Raises
    ------
    ValueError
        If a shape does not fit the size of an array, a name occurs twice, or a small file would
        take much memory.
    """
    known = archive.namelist()
    if len(set(known)) < len(known):
        raise ValueError("it has two arrays of the same name.")
    total = 0
    for name in names:
        info = archive.getinfo(f"{name}.npy" if f"{name}.npy" in known else name)
        if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):  # they unpack without a limit
            raise ValueError(f"its array {name!r} is compressed by a method that NumPy never uses.")
        with archive.open(info) as stream:
            total += _memory(name, stream, info.file_size)
    if total > _FREE + _RATIO * size:
        raise ValueError(
            f"its arrays take {total:,} bytes of memory, too many for a file of {size:,} bytes. "
            "Write them with numpy.savez, which does not compress."
        )


def _memory(name: str, stream: IO[bytes], size: int) -> int:
    """The bytes that an array takes, also as float32."""
    try:
        shape, _, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
    except (ValueError, KeyError) as error:
        raise ValueError(f"its array {name!r} cannot be read: {error}") from error
    elements = int(prod(shape))
    if not dtype.hasobject and elements * dtype.itemsize != size - stream.tell():
        raise ValueError(f"its array {name!r} claims the shape {shape}, but has {size:,} bytes.")
    return elements * (int(dtype.itemsize) + 4)
