"""Numbers that a program reads and that the host sets before it runs."""

from typing import Any

from xpnet.backends import Backend

__all__ = ["HostNumbers"]


class HostNumbers:
    """A vector of numbers.

    Attributes
    ----------
    array : array
        The vector. A plan's programs are bound to its memory; elsewhere, `write` replaces it.
    written : tuple of float
        The numbers that `write` wrote last.
    """

    def __init__(self, backend: Backend, count: int, dtype: str) -> None:
        self._backend, self._dtype = backend, dtype
        self.array = backend.zeros((count,), dtype)
        self.written: tuple[float, ...] = ()
        planned: Any = backend
        self._set = planned.setter(self.array) if backend.planned else None

    def write(self, numbers: tuple[float, ...]) -> None:
        """Set the numbers."""
        self.written = ()  # until all are written: a signal may come in between
        if self._set is not None:
            for i, number in enumerate(numbers):
                self._set(i, number)
        else:
            self.array = self._backend.numbers(numbers, self._dtype)
        self.written = numbers
