"""A loop over one long row with reductions, rewritten as loops that threads can share.

The row is cut into pieces of fixed length, so that sums do not depend on the number of threads.
Each phase becomes a loop over the pieces. The loop that combines the results of the pieces also
computes the numbers that the next phase needs::

    loop over 1 x 1000000                    loop over 1 x 1000000   shared by pieces
      0 full   v1 = multiply(m0, m0)           0 full   v1 = multiply(m0, m0)
      0 row    v2 = sum(v1)                    0 row    v2 = sum(v1) -> sums of pieces
      1 row    v3 = sqrt(v2)          ->     loop over 1 x 62        one thread
      1 full   v4 = divide(m0, v3)             0 row    v5 = sum(sums of pieces) -> memory
                                               1 row    v6 = sqrt(v5) -> memory
                                             loop over 1 x 1000000   shared by elements
                                               0 full   v7 = divide(m0, v6) -> memory
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from xpnet.lowering.ir import Argument, Load, Loop, MemoryRef, Statement

__all__ = ["LONG", "PIECE", "Phase", "phases_of"]

PIECE = 16384  # elements
LONG = 4 * PIECE  # elements; sharing shorter rows does not pay for the synchronization


@dataclass
class Phase:
    """One phase of a long row, and what depends on it.

    Attributes
    ----------
    main : Loop or None
        Computes each element.
    pieces : set of MemoryRef
        Memory in `main` that holds one number per piece.
    after : Loop or None
        What one thread computes afterwards.
    """

    main: Loop | None
    pieces: set[MemoryRef] = field(default_factory=set)
    after: Loop | None = None


def phases_of(loop: Loop) -> list[Phase] | None:
    """The phases of a loop over one row; None if they cannot be separated."""
    return _Cut(loop).phases() if _separable(loop) else None


def _separable(loop: Loop) -> bool:
    """Whether each phase finds its inputs in memory."""
    written, read = set(), set()
    for s in loop.statements:
        read |= {a.ref for a in s.args if isinstance(a, Load)}
        if s.level not in ("full", "row") or s.name == "first_equal" or s.ref.address < 0:
            return False
        if s.level == "row" and s.stored:
            written.add(s.ref)  # before the row's elements are visited again
    return not written & read


class _Cut:
    """A loop over one row, cut at its phases.

    Memory carries numbers from one phase to the next. A number that the loop does not store gets
    new memory, because other numbers may reuse its old memory.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop, self._known = loop, dict[Statement, Argument]()
        self._arrays, self._memory = [*loop.arrays], dict[Statement, MemoryRef]()
        for s in loop.statements:
            if s.level == "row":
                self._memory[s] = s.ref if s.stored else self._new(s.ref.dtype, 1)

    def _new(self, dtype: str, count: int) -> MemoryRef:
        """New memory for `count` numbers, as a reference to the first."""
        self._arrays.append(np.zeros(count, dtype=dtype))
        return MemoryRef(self._arrays[-1].ctypes.data, dtype, 0, 0)

    def phases(self) -> list[Phase]:
        """What each phase computes, and what depends on it."""
        loop = self._loop
        first = self._numbers(0, 0)
        found = [Phase(None, after=Loop(1, 1, first, arrays=self._arrays))] if first else []
        for phase in loop.phases:
            inner = [*loop.at("full", phase)]
            main, sums, pieces = self._elements(inner)
            later = [*sums, *self._numbers(phase + 1, 1)]
            columns = -(-loop.columns // PIECE) if pieces else 1
            after = Loop(1, columns, later, arrays=self._arrays) if later else None
            found.append(Phase(main, pieces, after))
        return found

    def _numbers(self, phase: int, at: int) -> list[Statement]:
        """Copies of a phase's statements on single numbers."""
        made = []
        for s in self._loop.at("row", phase):
            copy = self._copy(s, self._known, at, self._memory[s])
            made.append(copy)
            self._known[s] = copy
        return made

    def _elements(
        self, inner: Sequence[Statement]
    ) -> tuple[Loop | None, list[Statement], set[MemoryRef]]:
        """The loop over these statements with reductions per piece, and their combination."""
        for s in self._known:
            if s.level == "row":
                self._known[s] = Load(_one(self._memory[s]))
        statements, sums, pieces = list[Statement](), list[Statement](), set[MemoryRef]()
        here = dict(self._known)
        for s in inner:
            if s.reduces:
                dtype = "float64" if s.name == "sum" else s.dtype
                ref = self._new(dtype, -(-self._loop.columns // PIECE))
                pieces.add(ref)
                statements.append(self._copy(s, here, 0, ref))
                every = Load(MemoryRef(ref.address, dtype, 0, 1))
                ends = self._memory[s], "row", 0, "full"
                sums.append(Statement(s.name, [every], dtype, *ends, stored=True))
                self._known[s] = sums[-1]
            else:
                statements.append(self._copy(s, here, 0))
                here[s], self._known[s] = statements[-1], Load(s.ref)
        columns, calls = self._loop.columns, self._loop.calls
        main = Loop(1, columns, statements, arrays=self._arrays, calls=calls)
        return main if inner else None, sums, pieces

    def _copy(
        self,
        s: Statement,
        known: Mapping[Statement, Argument],
        phase: int,
        ref: MemoryRef | None = None,
    ) -> Statement:
        """A copy of a statement that reads known values instead of the original statements."""
        args = [known.get(a, a) if isinstance(a, Statement) else a for a in s.args]
        stored = s.stored or ref is not None
        return Statement(s.name, args, s.dtype, ref or s.ref, s.level, phase, s.reduces, stored)


def _one(ref: MemoryRef) -> MemoryRef:
    return MemoryRef(ref.address, ref.dtype, 0, 0)
