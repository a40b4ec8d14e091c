"""Which rows of each batch a process computes."""

from dataclasses import dataclass

from xpnet.data.arrays import batch_slices
from xpnet.errors import ArgumentError

__all__ = ["Piece", "of_all_rows", "of_own_rows"]


@dataclass(frozen=True)
class Piece:
    """This process's part of a batch.

    Attributes
    ----------
    rows : slice
        Of this process's data, in the epoch's order.
    first, total : int
        The number of its first row in the batch, and the rows of the batch.
    """

    rows: slice
    first: int
    total: int


def of_all_rows(rows: int, batch_size: int, rank: int, size: int) -> list[Piece]:
    """The parts of one process where each has all rows: equal numbers of neighbors.

    The last batch may have no rows for some processes.
    """
    _check(min(rows, batch_size), size, "a batch")
    pieces = []
    for part in batch_slices(rows, batch_size):
        total = part.stop - part.start
        first, stop = (total * r // size for r in (rank, rank + 1))
        pieces.append(Piece(slice(part.start + first, part.start + stop), first, total))
    return pieces


def of_own_rows(rows: list[int], batch_size: int, rank: int) -> list[Piece]:
    """The parts of one process where each has rows of its own, of which `rows` are the numbers.

    All make as many steps as one process with all rows. Each takes equal parts of its rows; the
    last may be smaller, or empty.
    """
    _check(min(rows), 1, "each process")
    steps = -(-sum(rows) // batch_size)
    each = [-(-own // steps) for own in rows]
    pieces = []
    for i in range(steps):
        found = [
            slice(*(min(own, n * (i + k)) for k in (0, 1)))
            for own, n in zip(rows, each, strict=True)
        ]
        counts = [part.stop - part.start for part in found]
        if sum(counts):
            pieces.append(Piece(found[rank], sum(counts[:rank]), sum(counts)))
    return pieces


def _check(rows: int, least: int, what: str) -> None:
    if rows < least:
        raise ArgumentError(
            f"{what} has {rows} rows, but needs at least {least}, one for each process: use a "
            "larger batch_size or fewer processes."
        )
