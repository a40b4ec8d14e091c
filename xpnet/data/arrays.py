"""Checked arrays, and slices of their rows for batches."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from xpnet.backends import Backend
from xpnet.typing import Array

__all__ = ["Data", "batch_slices"]


@dataclass(frozen=True)
class Data:
    """Checked arrays: inputs, and optional targets and weights.

    They are on one `backend`: the network's, or NumPy if they do not fit there.
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
    def arrays(self) -> list[Any]:
        """The arrays that are present, in the order in which a program takes them."""
        return [a for a in (self.x, self.y, self.w) if a is not None]

    @cached_property
    def means(self) -> list[float]:
        """The mean of each array in double precision, to tell data apart."""
        xp, double = self.backend.xp, self.backend.dtype("float64")
        return [float(xp.mean(xp.astype(array, double))) for array in self.arrays]


def batch_slices(rows: int, batch_size: int) -> list[slice]:
    """Slices of `batch_size` rows; the last may be smaller."""
    return [slice(i, min(i + batch_size, rows)) for i in range(0, rows, batch_size)]
