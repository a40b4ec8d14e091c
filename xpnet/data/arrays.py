"""Checked arrays, and slices of their rows for batches."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zlib import crc32

from xpnet.backends import Backend, get
from xpnet.data.sparse_rows import bytes_of_rows, is_sparse, mean_of
from xpnet.data.stored_column import StoredColumn
from xpnet.typing import Array, size_of

__all__ = ["Data", "batch_slices"]

_CHUNK = 1 << 20  # numbers that are copied at a time to be summed


@dataclass(frozen=True)
class Data:
    """Checked arrays: inputs, and optional targets and weights.

    They are on one `backend`: the network's, or NumPy if they do not fit there, or if some are
    stored: a `StoredColumn` in place of an array. The inputs may be `sparse`: SciPy's matrix in CSR
    format.
    """

    backend: Backend
    x: Array
    y: Array = None
    w: Array = None

    @property
    def rows(self) -> int:
        """Number of samples."""
        return int(self.x.shape[0])

    @property
    def sparse(self) -> bool:
        """Whether the inputs are sparse."""
        return is_sparse(self.x)

    @property
    def stored(self) -> bool:
        """Whether some of the arrays are not in memory."""
        return any(isinstance(array, StoredColumn) for array in self.arrays)

    @property
    def arrays(self) -> list[Any]:
        """The arrays that are present, in the order in which a program takes them."""
        return [a for a in (self.x, self.y, self.w) if a is not None]

    @cached_property
    def means(self) -> list[float]:
        """The mean of each array in double precision; old checkpoints tell data apart by it."""
        return [mean for mean, _ in self._digests]

    @cached_property
    def checksums(self) -> list[int]:
        """A checksum of each array, which depends on the order of its rows."""
        return [checksum for _, checksum in self._digests]

    @cached_property
    def _digests(self) -> list[tuple[float, int]]:
        return [self._digest(array) for array in self.arrays]

    def _digest(self, array: Array) -> tuple[float, int]:
        """The mean, and the CRC-32 of the shape and the numbers; each number is read once.

        The array is read in chunks. The checksum is the same on every backend. That of sparse rows
        is of their non-zeros and the places of these.
        """
        rows, *rest = (int(n) for n in array.shape)
        step = max(1, _CHUNK // max(1, size_of(rest)))
        found, total, host = crc32(str((rows, *rest)).encode()), 0.0, get("numpy")
        if is_sparse(array):
            for data in bytes_of_rows(array):
                found = crc32(data, found)
            return mean_of(array), found
        with host.quiet():
            for part in batch_slices(rows, step):
                numbers = self.backend.to_numpy(self.backend.rows(array, part))
                kind = "<i8" if numbers.dtype.kind in "biu" else numbers.dtype.newbyteorder("<")
                found = crc32(host.asarray(numbers, kind), found)
                total += float(numbers.sum(dtype="float64"))
        return total / (rows * size_of(rest)), found


def batch_slices(rows: int, batch_size: int) -> list[slice]:
    """Slices of `batch_size` rows; the last may be smaller."""
    return [slice(i, min(i + batch_size, rows)) for i in range(0, rows, batch_size)]
