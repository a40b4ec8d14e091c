"""The interface of a backend whose library compiles whole functions."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from xpnet.backends.base import Backend
from xpnet.typing import Array

__all__ = ["TracedBackend"]


class TracedBackend(Backend):
    """A backend whose library traces pure functions and compiles them, loops included, as JAX does.

    Its arrays cannot be written to. Inside a traced function, they have no values.
    """

    traced = True

    @abstractmethod
    def loop(self, first: Any, count: Any, body: Callable[[Any, Any], Any], carry: Any) -> Any:
        """``carry = body(i, carry)`` for `count` numbers i from `first` on, within a function."""

    @abstractmethod
    def stepping(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function(state, first, count, *fixed)``, compiled; the memory of `state` is re-used.

        The caller must not use the given state again. Where the device need not ask the host how
        many steps remain, one program serves every `count`.
        """

    @abstractmethod
    def later(self, counter: Array, steps: Any) -> Array:
        """The `counter` of so many steps later, fewer than 2**31."""

    @abstractmethod
    def lost(self, x: Array) -> bool:
        """Whether the memory of an array was re-used."""

    @abstractmethod
    def rows_from(self, source: Array, start: Any, size: int) -> Array:
        """Rows of `source` from `start`, a number that need not be known when compiling."""

    @abstractmethod
    def with_rows(self, table: Array, start: Any, rows: Array) -> Array:
        """The table with these rows from `start` on."""
