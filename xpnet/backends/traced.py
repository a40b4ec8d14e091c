"""The interface of a backend whose library compiles whole functions."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from xpnet.backends.base import Backend
from xpnet.typing import Array

__all__ = ["Carry", "TracedBackend"]

Carry = TypeVar("Carry")


class TracedBackend(Backend):
    """A backend whose library traces pure functions and compiles them, loops included, as JAX does.

    Its arrays cannot be written to. Inside a traced function, they have no values.
    """

    traced = True

    @abstractmethod
    def loop(
        self,
        first: int | Array,
        count: int | Array,
        body: Callable[[Array, Carry], Carry],
        carry: Carry,
    ) -> Carry:
        """``carry = body(i, carry)`` for `count` numbers i from `first` on, while tracing."""

    @abstractmethod
    def stepping(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function(state, first, count, *fixed)``, compiled; the memory of `state` is reused.

        The caller must not use the given state again. Where the device need not ask the host how
        many steps remain, one program serves every `count`.
        """

    @abstractmethod
    def later(self, counter: Array, steps: int | Array) -> Array:
        """The `counter` after this many more steps, fewer than 2**31."""

    @abstractmethod
    def lost(self, x: Array) -> bool:
        """Whether the memory of an array was reused."""

    @abstractmethod
    def rows_from(self, source: Array, start: int | Array, size: int) -> Array:
        """Rows of `source` from `start`, a number that need not be known at compile time."""

    @abstractmethod
    def with_rows(self, table: Array, start: int | Array, rows: Array) -> Array:
        """The table with these rows from `start` on."""
