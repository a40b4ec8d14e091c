"""The share of a batch that one of several processes computes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Share"]


@dataclass(frozen=True)
class Share:
    """Some rows of a batch.

    Attributes
    ----------
    first, rows, total : int
        The number of the first of these rows in the batch, their number, and that of all rows.
    across : callable or None
        ``across(x)`` is the sum of all processes' x, for statistics of the whole batch; None if
        each process takes those of its own rows.
    """

    first: int
    rows: int
    total: int
    across: Callable[[Any], Any] | None = None

    def elements(self, size: int) -> tuple[int, int] | None:
        """Where `size` numbers of these rows are among those of all; None if not part of rows."""
        if size % self.rows:
            return None
        each = size // self.rows
        return self.first * each, self.total * each
