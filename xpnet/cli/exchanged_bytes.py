"""How many bytes threads exchange in a step: those that one wrote and another reads."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xpnet.lowering.cpu.sharing import Access, Item

__all__ = ["exchanged"]


def exchanged(places: Sequence[Sequence["Item"]], threads: int) -> int:
    """The bytes, over all threads, that a thread reads and another thread wrote last.

    Parameters
    ----------
    places : sequence of sequence of Item
        As in a `Schedule`: threads share the items at odd places.
    threads : int
    """
    written, total = _Written(), 0.0
    for _ in range(2):  # a step reads what the step before it wrote, such as weights
        total = 0.0
        for place, items in enumerate(places):
            found = set()  # a thread reads the same bytes only once
            for item in items:
                for access, sliced in _accesses(item, place % 2 == 1):
                    if access.writes:
                        written.add(access, place)
                    found |= {*written.parts(access, place, sliced)}
            total += sum(
                (high - low) * (threads - 1) / (threads if sliced else 1)
                for low, high, sliced in found
            )
    return round(total)


def _accesses(item: "Item", shared: bool) -> Iterator[tuple["Access", bool]]:
    """What an item accesses, and whether the threads split each access among them.

    If not, every thread accesses all of it.
    """
    from xpnet.lowering.cpu.product_task import Product

    accesses = item.shared if shared else item.whole()
    # A thread computes rows of a product, so it reads the same rows of the first matrix. They may
    # be columns in memory, which an access cannot express.
    slices = 2 if isinstance(item, Product) else 0
    for i, access in enumerate(accesses or []):
        yield access, not shared or access.unit > 0 or i < slices


class _Written:
    """Who wrote each byte last."""

    def __init__(self) -> None:
        self._found: list[tuple[int, int, Access, int]] = []  # low, high, access, place

    def add(self, access: "Access", place: int) -> None:
        """Note a write."""
        low, high = access.low, access.high
        kept = []
        for first, last, other, where in self._found:
            before, after = (first, min(last, low)), (max(first, high), last)
            kept += [(*part, other, where) for part in (before, after) if part[0] < part[1]]
        self._found = [*kept, (low, high, access, place)]

    def parts(self, access: "Access", place: int, sliced: bool) -> Iterator[tuple[int, int, bool]]:
        """The bytes of a read that came from another place, unless each thread reads its own."""
        for first, last, other, where in self._found:
            low, high = max(first, access.low), min(last, access.high)
            if low < high and where != place and not (place % 2 and access.fits(other)):
                yield low, high, sliced
