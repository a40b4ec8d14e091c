"""Loops: runs of recorded calls, as one pass over the rows and columns of their arrays.

A loop executes its statements for every element of a matrix of ``rows`` by ``columns``. Each
statement has a *level*, the level of its result:

``full``
    one number per element, in the inner loop over columns;
``row``
    one number per row, before the inner loop;
``pre``, ``post``
    one number in all, before or after the rows;
``column``, ``total``
    sums over rows, which are complete after the last row.

A reduction of a row (its maximum, its sum) must finish before another statement reads it. So a row
is processed in *phases*, each with its own inner loop. The results of an earlier phase are no
longer in registers; they are read from memory. If that memory is not needed after the loop, it is
one row long and stays in cache.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from xpnet.kernels import Call
from xpnet.lowering.intervals import Range

__all__ = ["REDUCTIONS", "Argument", "Load", "Loop", "MemoryRef", "Statement"]

REDUCTIONS = {
    "sum": "the sum",
    "max": "the largest number, or NaN if there is one",
    "min": "the smallest number, or NaN if there is one",
    "first_equal": "the first column in which the first argument equals the second, or is NaN",
}


@dataclass(frozen=True)
class MemoryRef:
    """An array's elements in memory. Strides are in elements; 0 repeats an element."""

    address: int
    dtype: str
    row: int
    column: int

    @property
    def level(self) -> str:
        """How often it is read: for each element, for each row, or once."""
        return "full" if self.column else "row" if self.row else "pre"


@dataclass(eq=False)
class Load:
    """A value that was in memory before the loop."""

    ref: MemoryRef

    @property
    def dtype(self) -> str:
        """Type of its elements."""
        return self.ref.dtype


@dataclass(eq=False)
class Statement:
    """One operation and its result.

    Attributes
    ----------
    name : str
        A function of the Array API standard; ``copy``; ``where`` (condition, then, else); or one
        of `REDUCTIONS`.
    args : sequence of Argument
        Loads, other statements, or numbers.
    dtype : str
        The type of the computation; arguments are converted to it.
    ref : MemoryRef
        The memory of its result. Elements are rounded to the type of `ref`.
    level : str
    phase : int
    reduces : str
        Level of the argument that a reduction runs over; empty for any other operation.
    stored : bool
        Whether the result is written to memory, because it is needed later.
    """

    name: str
    args: "Sequence[Argument]"
    dtype: str
    ref: MemoryRef
    level: str
    phase: int
    reduces: str = ""
    stored: bool = False

    @property
    def ready(self) -> int:
        """The first phase in which other statements may read it."""
        return self.phase + (self.reduces == "full")


Argument = Load | Statement | int | float | bool


@dataclass(eq=False)
class Loop:
    """Statements over rows and columns.

    Attributes
    ----------
    rows, columns : int
    statements : list of Statement
        By phases, each after the statements that it reads.
    buffers : set of MemoryRef
        Memory that only the loop needs: every row may use the first row's.
    arrays : list
        The arrays of `refs`, which must live as long as the loop.
    calls : list of Call
        The recorded calls that the loop replaces.
    unit : int
        If the rows became columns, the number of columns that were one row; else 0.
    """

    rows: int
    columns: int
    statements: list[Statement]
    buffers: set[MemoryRef] = field(default_factory=set)
    arrays: list[Any] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    unit: int = 0

    @property
    def phases(self) -> range:
        """The numbers of its phases."""
        return range(1 + max((s.phase for s in self.statements), default=0))

    def at(self, level: str, phase: int = 0) -> Iterator[Statement]:
        """The statements of a level and a phase, including reductions over that level."""
        for s in self.statements:
            if (s.reduces or s.level) == level and s.phase == phase:
                yield s

    @property
    def refs(self) -> list[MemoryRef]:
        """All memory that is read or written, in order of first use."""
        found: dict[MemoryRef, None] = {}
        for s in self.statements:
            found |= {v.ref: None for v in s.args if isinstance(v, Load)}
            reloads = (v for v in s.args if isinstance(v, Statement) and v.stored)
            found |= {v.ref: None for v in reloads}
            if s.stored:
                found[s.ref] = None
        return [*found]

    def ranges(self, itemsizes: dict[str, int]) -> list[tuple[MemoryRef, Range]]:
        """The bytes of each memory reference."""
        found = []
        for p in self.refs:
            rows = 1 if p in self.buffers else self.rows
            last = (rows - 1) * p.row + (self.columns - 1) * p.column + 1
            found.append((p, (p.address, p.address + last * itemsizes[p.dtype])))
        return found

    def __str__(self) -> str:
        names: dict[Any, str] = {}

        def name(v: Argument) -> str:
            if isinstance(v, int | float):
                return repr(v)
            kind = "m" if isinstance(v, Load) else "v"
            key: Any = v.ref if isinstance(v, Load) else v
            return names.setdefault(key, f"{kind}{len(names)}")

        lines = [f"loop over {self.rows} x {self.columns}"]
        for s in self.statements:
            text = f"{s.name}({', '.join(map(name, s.args))})"
            kept = " -> memory" if s.stored else ""
            lines.append(f"  {s.phase} {s.level:6} {name(s)} = {text}{kept}")
        return "\n".join(lines)
