"""Memory that exposes stray reads and writes: filled with NaN, fenced on both sides."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from xpnet.backends.cpu import NumpyBackend
from xpnet.backends.readable import host_numbers
from xpnet.typing import Array

__all__ = ["Guarded", "PoisonedBackend", "guarded"]

_POISON = 0xFF  # as bytes of any float type: NaN
_FENCE = 0xA5
_WIDTH = 64  # bytes of the fence on each side


class PoisonedBackend(NumpyBackend):
    """NumPy whose workspace can be filled with NaN.

    Code that reads memory before writing to it then computes NaN, not a number that happens to
    be right.

    Examples
    --------
    >>> backend = PoisonedBackend()
    >>> memory = backend.arena(16)
    >>> backend.poison()
    >>> memory.view("float64")
    array([nan, nan])
    """

    def __init__(self, compiles: bool = False) -> None:
        super().__init__(compiles)
        self._arenas: list[Any] = []

    def arena(self, nbytes: int) -> Any:
        memory = super().arena(nbytes)
        self._arenas.append(memory)
        return memory

    def poison(self) -> None:
        """Fill all allocated memory with bytes that are NaN in every float type."""
        for memory in self._arenas:
            memory[...] = _POISON


@dataclass
class Guarded:
    """An array between two fences of bytes that must not be written to.

    Attributes
    ----------
    array : numpy.ndarray
        The array, full of NaN bytes at first.
    memory : numpy.ndarray
        The array's bytes with the fences around them.
    """

    array: np.ndarray
    memory: np.ndarray

    def poison(self) -> None:
        """Fill the array with NaN bytes again."""
        self.memory[_WIDTH:-_WIDTH] = _POISON

    def check(self) -> None:
        """Raise `AssertionError` if a fence was written to."""
        if (self.memory[:_WIDTH] != _FENCE).any():
            raise AssertionError("the kernel wrote before its output")
        if (self.memory[-_WIDTH:] != _FENCE).any():
            raise AssertionError("the kernel wrote past its output")


def guarded(like: Array) -> Guarded:
    """An array of the shape and type of `like` between two fences.

    Parameters
    ----------
    like : numpy.ndarray
        Only its shape and type matter.

    Examples
    --------
    >>> import numpy as np
    >>> place = guarded(np.zeros(2))
    >>> place.array[...] = [1, 2]
    >>> place.check()
    >>> place.memory[0] = 0
    >>> place.check()
    Traceback (most recent call last):
    AssertionError: the kernel wrote before its output
    """
    like = host_numbers("like", like)
    size = like.size * like.dtype.itemsize
    memory = np.full(2 * _WIDTH + size, _FENCE, "uint8")
    inside = memory[_WIDTH : _WIDTH + size]
    place = Guarded(inside.view(like.dtype).reshape(like.shape), memory)
    place.poison()
    return place
