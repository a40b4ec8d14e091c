"""A loop over one long row with reductions, in loops that threads can share.

The row is cut into pieces of fixed length, so that sums do not depend on the number of threads.
Each phase becomes a loop over the pieces. The loop that combines the results of the pieces also
computes the numbers that the next phase needs::

    loop over 1 x 1000000                    loop over 1 x 1000000   the threads have some pieces
      0 full   v1 = multiply(m0, m0)           0 full   v1 = multiply(m0, m0)
      0 row    v2 = sum(v1)                    0 row    v2 = sum(v1) -> sums of pieces
      1 row    v3 = sqrt(v2)          ->     loop over 1 x 62        one thread
      1 full   v4 = divide(m0, v3)             0 row    v5 = sum(sums of pieces) -> memory
                                               1 row    v6 = sqrt(v5) -> memory
                                             loop over 1 x 1000000   the threads have some elements
                                               0 full   v7 = divide(m0, v6) -> memory
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xpnet.lowering.ir import Argument, Load, Loop, MemoryRef, Statement

__all__ = ["LONG", "PIECE", "Phase", "phases_of"]

PIECE = 16384  # elements
LONG = 4 * PIECE  # elements from which sharing a row is worth several meetings


@dataclass
class Phase:
    """One phase of a long row, and what follows from it.

    Attributes
    ----------
    main : Loop or None
        What is done with each element.
    pieces : dict of MemoryRef to array
        Memory in `main` that has one number for each piece.
    after : Loop or None
        What one thread does afterwards.
    """

    main: Loop | None
    pieces: dict[MemoryRef, Any] = field(default_factory=dict)
    after: Loop | None = None


def phases_of(loop: Loop) -> list[Phase] | None:
    """The phases of a loop over one row; None if they cannot be separated."""
    if any(s.name == "first_equal" or s.ref.address < 0 for s in loop.statements):
        return None
    known: dict[Statement, Argument] = {}
    first = _numbers(loop, 0, known)
    found = [Phase(None, after=Loop(1, 1, first, arrays=loop.arrays))] if first else []
    for phase in loop.phases:
        inner = [s for s in loop.statements if s.phase == phase and "full" in (s.level, s.reduces)]
        made = _phase(loop, inner, known)
        later = _numbers(loop, phase + 1, known, 1)
        statements = [*(made.after.statements if made.after else ()), *later]
        columns = -(-loop.columns // PIECE) if made.pieces else 1
        arrays = [*loop.arrays, *made.pieces.values()]
        made.after = Loop(1, columns, statements, arrays=arrays) if statements else None
        found.append(made)
    return found


def _numbers(
    loop: Loop, phase: int, known: dict[Statement, Argument], at: int = 0
) -> list[Statement]:
    """Copies of the statements on single numbers of a phase; all are written to memory."""
    made = []
    for s in loop.statements:
        if s.phase == phase and s.level == "row" and not s.reduces:
            copy = _copy(s, known, at, stored=True)
            made.append(copy)
            known[s] = copy
    return made


def _phase(loop: Loop, inner: Sequence[Statement], known: dict[Statement, Argument]) -> Phase:
    """The loop of some statements, with its reductions piece by piece."""
    numbers = {s: Load(_one(s.ref)) for s in known if s.level == "row"}
    known.update(numbers)
    statements, sums, pieces = [], [], dict[MemoryRef, Any]()
    here: dict[Statement, Argument] = dict(known)
    for s in inner:
        if s.reduces:
            ref, memory = _memory(s, loop.columns)
            pieces[ref] = memory
            statements.append(_copy(s, here, 0, stored=True, ref=ref))
            whole = Load(MemoryRef(ref.address, ref.dtype, 0, 1))
            total = Statement(s.name, [whole], ref.dtype, s.ref, "row", 0, "full", stored=True)
            sums.append(total)
            known[s] = total
        else:
            copy = _copy(s, here, 0, s.stored)
            here[s] = copy
            known[s] = Load(s.ref)
            statements.append(copy)
    arrays = [*loop.arrays, *pieces.values()]
    main = Loop(1, loop.columns, statements, arrays=arrays, calls=loop.calls)
    return Phase(main if inner else None, pieces, Loop(1, 1, sums) if sums else None)


def _memory(s: Statement, columns: int) -> tuple[MemoryRef, Any]:
    """Memory for one number per piece."""
    dtype = "float64" if s.name == "sum" else s.dtype
    memory = np.zeros(-(-columns // PIECE), dtype=dtype)
    return MemoryRef(memory.ctypes.data, dtype, 0, 0), memory


def _one(ref: MemoryRef) -> MemoryRef:
    return MemoryRef(ref.address, ref.dtype, 0, 0)


def _copy(
    s: Statement,
    known: dict[Statement, Argument],
    phase: int,
    stored: bool,
    ref: MemoryRef | None = None,
) -> Statement:
    """A copy of a statement that reads what is known instead of the statements themselves."""
    args = [known.get(a, a) if isinstance(a, Statement) else a for a in s.args]
    return Statement(s.name, args, s.dtype, ref or s.ref, s.level, phase, s.reduces, stored)
