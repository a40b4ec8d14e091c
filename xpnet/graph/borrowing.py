"""Inputs that a compiled plan reads where they are, without a copy."""

from collections.abc import Sequence
from typing import Any

from xpnet.backends.base import PlannedBackend

__all__ = ["Borrowing"]


class Borrowing:
    """The addresses in a plan's calls that point to each input; see `read`.

    Parameters
    ----------
    backend : PlannedBackend
    calls : sequence of callable
        A plan's calls. Only compiled calls can be redirected: they are bound to addresses, not to
        arrays.

    Attributes
    ----------
    movable : bool
        Whether all calls are compiled.
    """

    def __init__(self, backend: PlannedBackend, calls: Sequence[Any]) -> None:
        self._backend, self._calls = backend, calls
        self.movable = bool(calls) and all(hasattr(c, "pointing_into") for c in calls)
        self._pointers: dict[int, list[tuple[Any, int, int]]] = {}
        self._read: dict[int, Any] = {}

    def read(self, own: Any, array: Any) -> bool:
        """Redirect the calls from an input's own memory to `array`.

        Returns False and changes nothing if the calls cannot be redirected, or if the array has
        another type or layout.
        """
        if not self.movable:
            return False
        alike = (array.shape, array.dtype, array.strides) == (own.shape, own.dtype, own.strides)
        if not (alike and array.flags.aligned):
            return False
        start = self._backend.address(own)
        if start not in self._pointers:
            found = (c.pointing_into(start, start + own.nbytes) for c in self._calls)
            self._pointers[start] = [spot for spots in found for spot in spots]
        address = self._backend.address(array)
        for numbers, position, offset in self._pointers[start]:
            numbers[position] = address + offset
        self._read[start] = array  # keeps it alive while calls point to it
        return True
