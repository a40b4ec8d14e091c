"""Loops that threads share: by rows, by elements, or by pieces of a long row."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from xpnet.lowering.cpu.jit import loop_task
from xpnet.lowering.cpu.sharing import Access, Item, bounds
from xpnet.lowering.cpu.split_loops import Partial
from xpnet.lowering.cpu.tasks import Task
from xpnet.lowering.ir import Loop, MemoryRef

__all__ = ["Pieces", "Rows", "Vector", "loop_accesses"]


def loop_accesses(loop: Loop, partial: dict[MemoryRef, Partial], parts: int) -> list[Access]:
    """The memory that a loop accesses when threads share its rows."""
    written = {s.ref for s in loop.statements if s.stored}
    found = []
    for ref in loop.refs:
        size = _size(ref)
        if ref in partial:
            p = partial[ref]
            found.append(Access(p.address, p.address + parts * p.stride, p.stride, parts, True))
            continue
        last = (loop.rows - 1) * ref.row + (loop.columns - 1) * ref.column + 1
        unit = ref.row * size
        count = loop.rows if unit else 0
        found.append(Access(ref.address, ref.address + last * size, unit, count, ref in written))
    return found


def _size(ref: MemoryRef) -> int:
    return 8 if ref.dtype.endswith("64") else 4 if ref.dtype.endswith("32") else 1


class Rows(Item):
    """A loop with several rows, which threads share."""

    def __init__(self, loop: Loop, partial: dict[MemoryRef, Partial], parts: int) -> None:
        self._loop, self._partial = loop, partial
        found = loop_accesses(loop, partial, parts)
        self.shared = found if all(a.unit or not a.writes for a in found) else None
        self._all = found

    def whole(self) -> list[Access]:
        return [Access(a.low, a.high, 0, 0, a.writes) for a in self._all]

    def task(self) -> Task:
        return loop_task(self._loop)

    def tasks(self, parts: int) -> list[list[Task]]:
        base, loop = self.task(), self._loop
        steps = [0 if r in self._partial else r.row * _size(r) for r in loop.refs]
        strides = [p.stride if (p := self._partial.get(r)) else 0 for r in loop.refs]
        moves = np.array([steps, strides], dtype=np.int64)
        found: list[list[Task]] = []
        for i, (start, stop) in enumerate(pairwise(bounds(loop.rows, parts))):
            by = start * moves[0] + i * moves[1]
            rows = stop - start
            found.append([base.moved([rows, loop.columns], by)] if rows else [])
        return found


class Vector(Item):
    """A loop over contiguous elements without sums, or a run of its elements.

    Parameters
    ----------
    loop : Loop
    first, size, unit : int
        The first element, the number of elements, and the elements per unit.
    """

    def __init__(self, loop: Loop, first: int, size: int, unit: int) -> None:
        self.loop, self.first, self._size, self._unit = loop, first, size, unit
        written, self.shared = {s.ref for s in loop.statements if s.stored}, []
        for ref in loop.refs:
            step = ref.column * _size(ref)
            low = ref.address + first * step
            high = low + (size - 1) * step + _size(ref)
            count = size // unit if step else 0
            self.shared.append(Access(low, high, step * unit, count, ref in written))

    def task(self) -> Task:
        return self._part(loop_task(self.loop), 0, self._size)

    def tasks(self, parts: int) -> list[list[Task]]:
        base, limits = loop_task(self.loop), bounds(self._size // self._unit, parts)
        return [
            [self._part(base, start * self._unit, stop * self._unit)] if start < stop else []
            for start, stop in pairwise(limits)
        ]

    def _part(self, base: Task, start: int, stop: int) -> Task:
        steps = np.array([ref.column * _size(ref) for ref in self.loop.refs])
        return base.moved([1, stop - start], (self.first + start) * steps)

    def cut(self, others: Sequence[Access]) -> list["Vector"]:
        """The same elements in runs, each of which is shared like one of these arrays."""
        return [
            Vector(self.loop, first, size, unit)
            for first, size, unit in _runs(self.loop, self.first, self._size, others)
        ]


def _runs(
    loop: Loop, first: int, size: int, others: Sequence[Access]
) -> list[tuple[int, int, int]]:
    """Runs of elements (first, size, unit): those in the other arrays, and the rest."""
    found: dict[int, tuple[int, int]] = {}
    for ref in loop.refs:
        step = ref.column * _size(ref)
        for a in others:
            start, odd = divmod(a.low - ref.address, step or 1)
            unit = a.unit // (step or 1)
            if step and not odd and start >= first and unit * step == a.unit:
                whole = unit * a.count
                if start + whole <= first + size and a.high - a.low == a.count * a.unit:
                    found[start] = (whole, unit)
    runs, position = [], first
    for start in sorted(found):
        whole, unit = found[start]
        if start < position:
            return [(first, size, 1)]  # they overlap
        runs += [(position, start - position, 1)] if start > position else []
        runs.append((start, whole, unit))
        position = start + whole
    rest = first + size - position
    return [*runs, (position, rest, 1)] if rest else runs


class Pieces(Item):
    """A loop over one long row whose reductions produce one number per piece.

    Parameters
    ----------
    loop : Loop
    numbers : set of MemoryRef
        The memory of the reductions.
    piece : int
        Elements per piece.
    """

    def __init__(self, loop: Loop, numbers: set[MemoryRef], piece: int) -> None:
        self._loop, self._numbers, self._piece = loop, numbers, piece
        self._count = -(-loop.columns // piece)
        written = {s.ref for s in loop.statements if s.stored}
        self.shared = []
        for ref in loop.refs:
            size = _size(ref)
            unit = size if ref in numbers else piece * ref.column * size
            length = self._count if ref in numbers else (loop.columns - 1) * ref.column + 1
            count = self._count if unit else 0
            ends = ref.address, ref.address + length * size
            self.shared.append(Access(*ends, unit, count, ref in written))

    def alone(self) -> list[Task]:
        return self.tasks(1)[0]

    def tasks(self, parts: int) -> list[list[Task]]:
        base, piece, columns = loop_task(self._loop), self._piece, self._loop.columns
        by = np.array([a.unit for a in self.shared or []])
        return [
            [base.moved([1, min(piece, columns - i * piece)], i * by) for i in range(start, stop)]
            for start, stop in pairwise(bounds(self._count, parts))
        ]
