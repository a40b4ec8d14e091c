"""The IDX file format, in which MNIST and similar data sets are published.

A file is a header of ``0, 0, type, ndim`` (one byte each) and ``ndim`` sizes (unsigned, 32 bits),
then the values in C order. All numbers are big-endian.
"""

import gzip
import math
import os
import struct
import zlib
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import DatasetError
from xpnet.saving.whole_file import given_path

__all__ = ["read_idx"]

_DTYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_CHUNK = 1 << 20
_Stream = IO[bytes] | gzip.GzipFile


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read one array from an IDX file; a name that ends in ``.gz`` means a compressed file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    ndarray
        The array, with the shape and type that the file states, in native byte order.

    Raises
    ------
    DatasetError
        If the file cannot be read, is not IDX, or is shorter or longer than its header says.

    Notes
    -----
    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", section
    "File formats".
    """
    path = given_path(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            return _decode(stream)
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} is not a usable IDX file: {error}") from error


def _decode(stream: _Stream) -> NDArray[Any]:
    dtype, ndim = _decode_magic(bytes(_take(stream, 4, "the magic number")))
    sizes = struct.unpack(f">{ndim}I", _take(stream, 4 * ndim, "the header"))
    data = _take(stream, math.prod(sizes) * dtype.itemsize, f"an array of shape {sizes}")
    if stream.read(1):
        raise ValueError(f"trailing bytes after the array of shape {sizes}")
    array = np.frombuffer(data, dtype).reshape(sizes)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _decode_magic(magic: bytes) -> tuple[np.dtype[Any], int]:
    code, ndim = magic[2], magic[3]
    if magic[:2] != b"\0\0" or code not in _DTYPES or ndim == 0:
        raise ValueError(
            f"wrong magic number {magic.hex()}, expected 0000TTNN with a type TT among "
            f"{', '.join(f'{known:02x}' for known in _DTYPES)} and NN > 0 dimensions"
        )
    return _DTYPES[code], ndim


def _take(stream: _Stream, size: int, what: str) -> bytearray:
    """Read exactly `size` bytes in pieces: a false header must not cause a huge allocation."""
    data = bytearray()
    while len(data) < size and (chunk := stream.read(min(_CHUNK, size - len(data)))):
        data += chunk
    if len(data) < size:
        raise ValueError(f"truncated: {what} takes {size} bytes, found {len(data)}")
    return data
