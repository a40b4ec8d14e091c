"""What training needs from the processes that share it."""

from typing import Any, Protocol

from xpnet.typing import Array

__all__ = ["Group"]


class Group(Protocol):
    """Processes that run the same program and call these methods in the same order.

    Attributes
    ----------
    rank, size : int
        The number of this process, from 0, and that of all.
    """

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    def sum(self, vector: Array) -> None:
        """Replace a vector on the host by the sum of all processes' vectors: the same bits in all.

        This is the one collective of a step.
        """

    def gather(self, value: Any) -> list[Any]:
        """All processes' values, in the order of the processes. Any that can be pickled."""

    def abort(self) -> None:
        """End all processes at once."""
