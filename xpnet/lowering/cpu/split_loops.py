"""Loops whose rows threads can share: everything that is not per row is split off.

A sum over rows becomes one partial sum per thread, each in its own memory, and a loop that adds
them. What precedes the rows, or needs the sums, gets its own loop, too::

    loop over 128 x 10                       loop over 128 x 10      shared by rows
      0 row    v1 = subtract(m0, m1)           0 row    v1 = subtract(m0, m1)
      0 total  v2 = sum(v1)             ->     0 total  v2 = sum(v1) -> partial sums
      0 post   v3 = divide(v2, 128)          loop over 2 x 1         one thread
                                               0 total  v4 = sum(partial sums)
                                               0 post   v5 = divide(v4, 128)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xpnet.lowering.ir import Argument, Load, Loop, MemoryRef, Statement

__all__ = ["Partial", "Split", "split"]

_LINE = 64  # bytes; no two threads write to the same cache line


@dataclass(frozen=True)
class Partial:
    """The sums of all threads: one row each, `stride` bytes apart."""

    array: Any
    address: int
    stride: int


@dataclass
class Split:
    """A loop split in three.

    Attributes
    ----------
    before : Loop or None
        Computes the numbers that all rows need.
    main : Loop
        Computes the rows.
    after : Loop or None
        Computes the sums over all rows, and what depends on them.
    partial : dict of MemoryRef to Partial
        Memory that `main` writes instead of a sum over all rows.
    """

    before: Loop | None
    main: Loop
    after: Loop | None
    partial: dict[MemoryRef, Partial] = field(default_factory=dict)


def split(loop: Loop, parts: int) -> Split:
    """A loop with several rows, split for this many threads."""
    early, sums, late = _at(loop, "pre"), _at(loop, "column", "total"), _at(loop, "post")
    known, arrays, before = dict[Statement, Argument](), loop.arrays, None
    if any(s.stored for s in early):
        before, known = _before(loop, early)
        arrays, early = before.arrays, []
    copies = _Copies(known)
    partial: dict[MemoryRef, Partial] = {}
    main = [copies.of(s) for s in early]
    for s in _at(loop, "row", "full", "column", "total"):  # a sum may read what is overwritten
        ref = None
        if s in sums:
            ref, found = _partial(s, loop.columns, parts)
            partial[ref] = found
        main.append(copies.of(s, ref))
    if not sums:
        return Split(before, Loop(loop.rows, loop.columns, main, loop.buffers, arrays), None)
    arrays = [*arrays, *(p.array for p in partial.values())]
    first = Loop(loop.rows, loop.columns, main, loop.buffers, arrays, loop.calls)
    copies = _Copies(known)
    statements = [copies.of(s) for s in early]
    statements += [_sum(s, ref, partial[ref], copies) for s, ref in zip(sums, partial, strict=True)]
    statements += [copies.of(s) for s in late]
    columns = loop.columns if any(s.level == "column" for s in sums) else 1
    after = Loop(parts, columns, statements, arrays=arrays, calls=loop.calls)
    return Split(before, first, after, partial)


def _at(loop: Loop, *levels: str) -> list[Statement]:
    return [s for s in loop.statements if s.level in levels]


def _before(loop: Loop, early: Sequence[Statement]) -> tuple[Loop, dict[Statement, Argument]]:
    """The numbers that all rows need, and where they are read from.

    All are written to memory. Recomputing one later would be wrong if another has overwritten its
    inputs.
    """
    copies, made, arrays = _Copies({}), list[Statement](), [*loop.arrays]
    for s in early:
        ref = s.ref
        if not s.stored:
            arrays.append(np.zeros(1, dtype=ref.dtype))
            ref = MemoryRef(arrays[-1].ctypes.data, ref.dtype, 0, 0)
        made.append(copies.of(s, ref))
    known: dict[Statement, Argument] = {s: Load(m.ref) for s, m in zip(early, made, strict=True)}
    return Loop(1, 1, made, arrays=arrays, calls=loop.calls), known


def _partial(s: Statement, columns: int, parts: int) -> tuple[MemoryRef, Partial]:
    """Memory for each thread's sums."""
    dtype, step = (s.ref.dtype, s.ref.column) if s.level == "column" else ("float64", 0)
    count = columns if s.level == "column" else 1
    size = np.dtype(dtype).itemsize
    stride = -(-count * size // _LINE) * _LINE
    memory = np.zeros(parts * stride + _LINE, dtype=np.uint8)
    array = memory[-memory.ctypes.data % _LINE :]
    address = array.ctypes.data
    ref = MemoryRef(address, dtype, 0, 1 if step else 0)
    return ref, Partial(array, address, stride)


def _sum(s: Statement, ref: MemoryRef, found: Partial, copies: "_Copies") -> Statement:
    """The sum of all threads' sums."""
    step = found.stride // np.dtype(ref.dtype).itemsize
    one = Load(MemoryRef(ref.address, ref.dtype, step, ref.column))
    reduces = "full" if s.level == "column" else "row"
    made = Statement("sum", [one], ref.dtype, s.ref, s.level, 0, reduces, s.stored)
    copies.known[s] = made
    return made


class _Copies:
    """Copies of statements; they read other copies, or what is `known` instead."""

    def __init__(self, known: Mapping[Statement, Argument]) -> None:
        self.known = dict(known)

    def of(self, s: Statement, ref: MemoryRef | None = None) -> Statement:
        """A copy of a statement; it writes its result to `ref` if given."""
        args = [self.known.get(a, a) if isinstance(a, Statement) else a for a in s.args]
        stored = s.stored or ref is not None
        made = Statement(s.name, args, s.dtype, ref or s.ref, s.level, s.phase, s.reduces, stored)
        self.known[s] = made
        return made
