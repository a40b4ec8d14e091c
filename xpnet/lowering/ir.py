"""Loops: runs of recorded calls, as one pass over the rows and columns of their arrays.

A loop computes what its statements say, for every element of a matrix of ``rows`` by
``columns``. A statement stands on a *level*, that of what it computes:

``full``
    one number an element, in the inner loop over columns;
``row``
    one number a row, before the inner loop;
``pre``, ``post``
    one number in all, before the rows or behind them;
``column``, ``total``
    sums over rows, which are there when the last row is done.

A reduction of a row (its maximum, its sum) must be finished before what reads it begins, so a
row is walked in *phases*: each is an inner loop of its own. What an earlier phase computed is in
a register no more; it is read from memory again. Such memory, where nobody needs it when the loop
is over, is one row long and stays in cache.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from xpnet.kernels import Call
from xpnet.lowering.intervals import Range

__all__ = ["REDUCTIONS", "Load", "Loop", "Place", "Statement", "Value"]

REDUCTIONS = {
    "sum": "the sum",
    "max": "the largest number, NaN where there is one",
    "min": "the smallest number, NaN where there is one",
    "first_equal": "the first column in which the first argument equals the second, or is NaN",
}


@dataclass(frozen=True)
class Place:
    """Where a loop finds an array's elements: strides are in elements, 0 where it is repeated."""

    address: int
    dtype: str
    row: int
    column: int

    @property
    def level(self) -> str:
        """How often it must be read: an element, a row or once."""
        return "full" if self.column else "row" if self.row else "pre"


@dataclass(eq=False)
class Load:
    """What was in memory before the loop."""

    place: Place

    @property
    def dtype(self) -> str:
        """Type of its elements."""
        return self.place.dtype


@dataclass(eq=False)
class Statement:
    """One operation and what it computes.

    Attributes
    ----------
    name : str
        A function of the Array API standard; ``copy``; ``where`` (condition, then, else); or one
        of `REDUCTIONS`.
    args : sequence of Value
        Loads, other statements, or numbers.
    dtype : str
        In which type it is computed: the arguments are converted to it.
    place : Place
        Where its array is. Elements are rounded to the type of `place`.
    level : str
    phase : int
    reduces : str
        Level of the argument that a reduction runs over; empty for any other operation.
    stored : bool
        Whether it is written to its place, because it is needed later.
    """

    name: str
    args: "Sequence[Value]"
    dtype: str
    place: Place
    level: str
    phase: int
    reduces: str = ""
    stored: bool = False

    @property
    def ready(self) -> int:
        """The first phase in which other statements may read it."""
        return self.phase + (self.reduces == "full")


Value = Load | Statement | int | float | bool


@dataclass(eq=False)
class Loop:
    """Statements over rows and columns.

    Attributes
    ----------
    rows, columns : int
    statements : list of Statement
        In an order in which each comes behind what it reads, by phases.
    buffers : set of Place
        Places that are needed in the loop alone: every row may use the first one's memory.
    arrays : list
        The arrays behind the places, which must not be freed before the loop is.
    calls : list of Call
        What it was made of, and what does the same.
    """

    rows: int
    columns: int
    statements: list[Statement]
    buffers: set[Place] = field(default_factory=set)
    arrays: list[Any] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    @property
    def phases(self) -> range:
        """The numbers of its phases."""
        return range(1 + max((s.phase for s in self.statements), default=0))

    def at(self, level: str, phase: int = 0) -> Iterator[Statement]:
        """The statements on a level that are executed in a phase, reductions of it included."""
        for s in self.statements:
            if (s.reduces or s.level) == level and s.phase == phase:
                yield s

    @property
    def places(self) -> list[Place]:
        """Every place that is read or written, in the order in which they first are."""
        found: dict[Place, None] = {}
        for s in self.statements:
            found |= {v.place: None for v in s.args if isinstance(v, Load)}
            reloads = (v for v in s.args if isinstance(v, Statement) and v.stored)
            found |= {v.place: None for v in reloads}
            if s.stored:
                found[s.place] = None
        return [*found]

    def ranges(self, itemsizes: dict[str, int]) -> list[tuple[Place, Range]]:
        """The bytes of every place."""
        found = []
        for p in self.places:
            rows = 1 if p in self.buffers else self.rows
            last = (rows - 1) * p.row + (self.columns - 1) * p.column + 1
            found.append((p, (p.address, p.address + last * itemsizes[p.dtype])))
        return found

    def __str__(self) -> str:
        names: dict[Any, str] = {}

        def name(v: Value) -> str:
            if isinstance(v, int | float):
                return repr(v)
            kind = "m" if isinstance(v, Load) else "v"
            key: Any = v.place if isinstance(v, Load) else v
            return names.setdefault(key, f"{kind}{len(names)}")

        lines = [f"loop over {self.rows} x {self.columns}"]
        for s in self.statements:
            text = f"{s.name}({', '.join(map(name, s.args))})"
            kept = " -> memory" if s.stored else ""
            lines.append(f"  {s.phase} {s.level:6} {name(s)} = {text}{kept}")
        return "\n".join(lines)
