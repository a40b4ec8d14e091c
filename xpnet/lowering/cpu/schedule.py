"""Which thread does what, and where threads must synchronize.

Each item runs as early as the memory that it accesses allows. There are two kinds of places: in a
*stage*, each thread has its own share; between stages, one thread works alone. ::

    0     1      2     3      4     ...
    one   stage  one   stage  one

Work on the rows of a batch needs no synchronization in between. So all of it is in the first stage:
the forward pass, the loss, the gradients of activations. The gradient of a weight needs all rows,
so it is in the second stage, with the update of the same part of the weight. All this follows from
the memory that items read and write. So do the extra stages for batch statistics or the norm of a
gradient.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from xpnet.lowering.cpu.shared_loops import Vector
from xpnet.lowering.cpu.sharing import Access, Item
from xpnet.lowering.cpu.tasks import Layout, Stage

__all__ = ["Schedule"]


class Schedule:
    """The places of items, which are added in the order of a single-threaded program."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self.places: list[list[Item]] = [[]]
        self._seen = _Seen()
        self._floor = 0

    def add(self, item: Item, wrap: Callable[[Item], Item] = lambda item: item) -> None:
        """Add what `wrap` makes of an item, or of its runs, at the earliest possible place."""
        runs: Sequence[Item] = [item]
        if isinstance(item, Vector) and self.parts > 1:
            others = [a for a, place in self._seen.meeting(item.shared or []) if place % 2]
            runs = item.cut([a for a in others if a.writes and a.unit])
        for run in runs:
            self._add(wrap(run))

    def check(self, item: Item) -> None:
        """Add an item that one thread runs, and that may stop the program before later items."""
        place = max(2, self._add(item, alone=True))
        self._floor = place + 1

    def _add(self, item: Item, alone: bool = False) -> int:
        shared = None if alone else item.shared
        if self.parts == 1:
            place = self._floor + (not self._floor % 2) if not alone else 2
        elif shared is None:
            place = max(self._floor, self._earliest(item.whole(), False))
            place += place % 2
        else:
            place = max(self._floor, self._earliest(shared, True))
            place += 1 - place % 2
        while len(self.places) <= place:
            self.places.append([])
        self.places[place].append(item)
        if self.parts > 1:
            self._seen.add(item.whole() if shared is None else shared, place)
        return place

    def _earliest(self, accesses: Sequence[Access], shared: bool) -> int:
        """The first place at which an item with these accesses can be."""
        found = 0
        for mine in accesses:
            for other, place in self._seen.meeting([mine]):
                same = shared and mine.fits(other) if place % 2 else not shared
                found = max(found, place if same else place + 1)
        return found

    @property
    def layout(self) -> Layout:
        """The tasks of all items."""
        return Layout(self.parts, [item.task() for item in self.places[0]], self._stages())

    def _stages(self) -> list[Stage]:
        found = []
        for place in range(1, len(self.places), 2):
            stage = Stage([[] for _ in range(self.parts)])
            for item in self.places[place]:
                made = item.tasks(self.parts) if self.parts > 1 else [item.alone()]
                for own, tasks in zip(stage.parts, made, strict=True):
                    own += tasks
            if place + 1 < len(self.places):
                stage.tail = [item.task() for item in self.places[place + 1]]
            found.append(stage)
        return found


class _Seen:
    """Accesses and their places, by address."""

    def __init__(self) -> None:
        self._places: dict[Access, int] = {}
        self._lows: list[tuple[int, int]] = []  # (low, number)
        self._all: list[Access] = []
        self._longest = 0

    def add(self, accesses: Iterable[Access], place: int) -> None:
        """Note that these accesses happen at a place."""
        for a in accesses:
            if a not in self._places:
                insort(self._lows, (a.low, len(self._all)))
                self._all.append(a)
                self._longest = max(self._longest, a.high - a.low)
            self._places[a] = max(place, self._places.get(a, 0))

    def meeting(self, accesses: Iterable[Access]) -> list[tuple[Access, int]]:
        """Earlier accesses that must stay ordered with these, and their places."""
        found: dict[Access, Any] = {}
        for a in accesses:
            start = bisect_left(self._lows, (a.low - self._longest, -1))
            stop = bisect_left(self._lows, (a.high, -1))
            for _, number in self._lows[start:stop]:
                other = self._all[number]
                if a.meets(other):
                    found[other] = self._places[other]
        return [*found.items()]
