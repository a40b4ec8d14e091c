"""The bytes that arrays occupy, and sets of bytes that are still needed."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from typing import Self

from xpnet.typing import Shape

__all__ = ["EVERYTHING", "Intervals", "Range", "dense_range", "spanned"]

Range = tuple[int, int]
EVERYTHING: Range = (0, 1 << 62)


def spanned(address: int, shape: Shape, strides: Shape, itemsize: int) -> Range:
    """From the first byte of an array to the end of its last."""
    if 0 in shape:
        return address, address
    reach = [(n - 1) * s for n, s in zip(shape, strides, strict=True)]
    low = sum(r for r in reach if r < 0)
    high = sum(r for r in reach if r > 0)
    return address + low, address + high + itemsize


def dense_range(address: int, shape: Shape, strides: Shape, itemsize: int) -> Range | None:
    """The bytes of an array without holes; None for any other."""
    expected = itemsize
    for stride, n in sorted((abs(s), n) for n, s in zip(shape, strides, strict=True) if n != 1):
        if stride != expected:
            return None
        expected *= n
    return spanned(address, shape, strides, itemsize)


class Intervals:
    """A set of bytes, as intervals that do not touch or overlap."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._all: list[Range] = []
        for found in ranges:
            self.add(found)

    def copy(self) -> Self:
        """The same bytes, in a set of its own."""
        twin = type(self)()
        twin._all = self._all.copy()
        return twin

    def __iter__(self) -> Iterator[Range]:
        return iter(self._all)

    def add(self, new: Range) -> None:
        """Add these bytes."""
        low, high = new
        if low >= high:
            return
        for r in self._touching(low, high):
            self._all.remove(r)
            low, high = min(low, r[0]), max(high, r[1])
        insort(self._all, (low, high))

    def remove(self, gone: Range) -> None:
        """Remove these bytes."""
        low, high = gone
        if low >= high:
            return
        for r in self._touching(low, high):
            self._all.remove(r)
            for rest in ((r[0], min(low, r[1])), (max(high, r[0]), r[1])):
                if rest[0] < rest[1]:
                    insort(self._all, rest)

    def meets(self, other: Range) -> bool:
        """Whether any of these bytes is in the set."""
        low, high = other
        return low < high and any(a < high and low < b for a, b in self._touching(low, high))

    def _touching(self, low: int, high: int) -> list[Range]:
        """The intervals that overlap or touch this one."""
        start = max(bisect_left(self._all, (low, low)) - 1, 0)
        found = []
        for r in self._all[start:]:
            if r[0] > high:
                break
            if r[1] >= low:
                found.append(r)
        return found
