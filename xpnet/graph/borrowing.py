"""Inputs of a compiled plan that are read where they lie, without being copied first."""

from collections.abc import Sequence
from typing import Any

from xpnet.backends.base import PlannedBackend

__all__ = ["Borrowing"]


class Borrowing:
    """Which addresses in a plan's calls point to which input; see `read`.

    Parameters
    ----------
    backend : PlannedBackend
    calls : sequence of callable
        Those of a plan. Only compiled ones, which are bound to addresses and not to arrays, can
        read elsewhere.
    """

    def __init__(self, backend: PlannedBackend, calls: Sequence[Any]) -> None:
        self._backend, self._calls = backend, calls
        self._movable = all(hasattr(call, "pointing_into") for call in calls)
        self._pointers: dict[int, list[tuple[Any, int, int]]] = {}
        self._read: dict[int, Any] = {}

    def read(self, own: Any, array: Any) -> bool:
        """Let the calls read `array` in place of an input's own memory.

        False, and nothing is changed, where they cannot, or where the array is not of the same
        type and layout.
        """
        alike = (array.shape, array.dtype, array.strides) == (own.shape, own.dtype, own.strides)
        if not (self._movable and alike and array.flags.aligned):
            return False
        start = self._backend.address(own)
        if start not in self._pointers:
            found = (c.pointing_into(start, start + own.nbytes) for c in self._calls)
            self._pointers[start] = [spot for spots in found for spot in spots]
        address = self._backend.address(array)
        for numbers, position, offset in self._pointers[start]:
            numbers[position] = address + offset
        self._read[start] = array  # so that it lives as long as it is pointed to
        return True
