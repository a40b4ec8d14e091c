"""How threads share a loop or a product: which bytes each of them reads and writes.

An array is shared by *units*, such as the rows of a batch: of `count` units, each thread has a run.
Two accesses to the same bytes need no meeting in between if they share the same units, because then
each thread finds only its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from xpnet.kernels import Call
from xpnet.lowering.cpu.jit import loop_task
from xpnet.lowering.cpu.split_loops import Partial
from xpnet.lowering.cpu.tasks import Task
from xpnet.lowering.ir import Loop, MemoryRef
from xpnet.lowering.reading import Reader

__all__ = ["Access", "Item", "Lone", "Pieces", "Product", "Rows", "Vector", "bounds"]

_ROUND = 16  # elements; the vector registers of a product's inner loop


def bounds(count: int, parts: int) -> list[int]:
    """Where each thread's units begin, and where the last ones end."""
    step = 1
    while step < _ROUND and count >= 64 * step * parts:
        step *= 2
    return [*(round(count * i / parts / step) * step for i in range(parts)), count]


@dataclass(frozen=True, slots=True)
class Access:
    """Bytes that a loop or product reads or writes.

    `unit` is the distance of two units in bytes, 0 if the threads do not share the array by units.
    """

    low: int
    high: int
    unit: int
    count: int
    writes: bool

    def meets(self, other: "Access") -> bool:
        """Whether the order of the two matters."""
        return (self.writes or other.writes) and self.low < other.high and other.low < self.high

    def fits(self, other: "Access") -> bool:
        """Whether each thread finds only its own bytes of both."""
        if not self.unit or (self.unit, self.count) != (other.unit, other.count):
            return False
        ends = (a.high - (a.count - 1) * a.unit for a in (self, other))
        return max(ends) - min(self.low, other.low) <= self.unit


class Item:
    """Something to compute.

    Attributes
    ----------
    shared : list of Access or None
        What it accesses if threads share it; None if they cannot.
    """

    shared: list[Access] | None = None

    def whole(self) -> list[Access]:
        """What it accesses if one thread does it."""
        return [Access(a.low, a.high, 0, 0, a.writes) for a in self.shared or []]

    def task(self) -> Task:
        """The task of one thread that does it all."""
        raise NotImplementedError

    def alone(self) -> list[Task]:
        """The same as several tasks, if one cannot do it."""
        return [self.task()]

    def tasks(self, parts: int) -> list[list[Task]]:
        """The tasks of each thread."""
        raise NotImplementedError


class Lone(Item):
    """A task that one thread does."""

    def __init__(self, task: Callable[[], Task], accesses: list[Access]) -> None:
        self._task, self._accesses = task, accesses

    def whole(self) -> list[Access]:
        return self._accesses

    def task(self) -> Task:
        return self._task()


def loop_accesses(loop: Loop, partial: dict[MemoryRef, Partial], parts: int) -> list[Access]:
    """The memory of a loop whose rows are shared."""
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
    """A loop over contiguous elements without any sum, or a run of its elements.

    Parameters
    ----------
    loop : Loop
    first, size, unit : int
        The first element, their number, and the elements of a unit.
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
        """The same elements in runs, so that each run is shared as these arrays are."""
        return [
            Vector(self.loop, first, size, unit)
            for first, size, unit in _runs(self.loop, self.first, self._size, others)
        ]


def _runs(
    loop: Loop, first: int, size: int, others: Sequence[Access]
) -> list[tuple[int, int, int]]:
    """Runs of elements (first, size, unit): those that lie in other arrays, and the rest."""
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
    """A loop over one long row whose reductions have one number for each piece.

    Parameters
    ----------
    loop : Loop
    numbers : set of MemoryRef
        The memory of the reductions.
    piece : int
        Elements of a piece.
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


class Product(Item):
    """A product of two matrices, whose rows threads share."""

    def __init__(
        self, reader: Reader, call: Call, make: Callable[[Any, Any, Any], Task | None]
    ) -> None:
        self._make, self._out = make, call.kwargs["out"]
        self._a, self._b = call.args
        rows = self._out.shape[0]
        out, a, b = (reader.operand(x) for x in (self._out, self._a, self._b))
        by_rows = a.strides[0] >= a.shape[1] * a.itemsize
        unit, count = (a.strides[0], rows) if by_rows else (0, 0)
        self.shared = [
            Access(*out.range, out.strides[0], rows, True),
            Access(*a.range, unit, count, False),
            Access(*b.range, 0, 0, False),
        ]

    def task(self) -> Task:
        made = self._make(self._a, self._b, self._out)
        assert made is not None
        return made

    def tasks(self, parts: int) -> list[list[Task]]:
        found: list[list[Task]] = []
        known: dict[int, tuple[int, Task]] = {}  # by the number of rows
        for start, stop in pairwise(bounds(self._out.shape[0], parts)):
            size, rows = stop - start, slice(start, stop)
            if not size:
                found.append([])
                continue
            task = self._moved(*known[size], start) if size in known else None
            if task is None:
                task = self._make(self._a[rows], self._b, self._out[rows])
                assert task is not None
                known[size] = start, task
            found.append([task])
        return found

    def _moved(self, first: int, task: Task, start: int) -> Task | None:
        """The task of as many rows, beginning with another one.

        None if the second matrix begins where those rows do: it stays where it is.
        """
        by = np.zeros(len(task.pointers), dtype=np.int64)
        for x in (self._a, self._out):
            step, address = x.strides[0], x.ctypes.data
            here = task.pointers == address + first * step
            if np.count_nonzero(here) != 1:
                return None
            by[here] = (start - first) * step
        return task.moved(task.numbers[: -len(by)], by)
