"""The statements of a loop as lines of CUDA C: what all kinds of kernels have in common."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from xpnet.lowering.cuda.cuda_functions import TYPES, expression, limit, literal
from xpnet.lowering.ir import Load, Loop, Place, Statement, Value

__all__ = ["Body", "beginning", "combined"]

_OPS = {"sum": "Sum", "max": "Max", "min": "Min", "first_equal": "Min"}
_NOWHERE = limit("int64", largest=True)


def combined(s: Statement) -> str:
    """The device structure whose ``of`` puts two numbers of a reduction together."""
    return _OPS[s.name]


def beginning(s: Statement, dtype: str) -> str:
    """What a reduction is before its first element."""
    if s.name == "sum":
        return literal(0, dtype)
    return limit(dtype, largest=s.name != "max")


class Body:
    """The lines of a kernel in the making.

    Variables are named by what they hold: ``m`` what was in memory, ``v`` what a statement
    computed, ``c`` what a thread has of a reduction so far, ``t`` what it has of a total. ``p`` are
    pointers to places and ``n`` numbers that are arguments.

    Attributes
    ----------
    loop : Loop
    kept : set of Statement
        What stays in registers from phase to phase, in arrays with an element for each of a
        thread's columns.
    numbers : list of int
        See `xpnet.lowering.cuda.kernel_source.Source`.
    names : dict
        Variables that can be read where the next line stands: of places and of statements.
    """

    def __init__(self, loop: Loop, kept: set[Statement]) -> None:
        self.loop, self.kept = loop, kept
        self.lines: list[str] = []
        self.names: dict[Any, str] = {}
        self.numbers: list[int] = []
        self.pointers = {place: f"p{i}" for i, place in enumerate(loop.places)}
        self.loads = {v.place for s in loop.statements for v in s.args if isinstance(v, Load)}
        self._labels = {s: i for i, s in enumerate(loop.statements)}
        self._depth = 1

    def put(self, *lines: str) -> None:
        """Write lines down."""
        self.lines += ["    " * self._depth + line for line in lines]

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Put what follows in braces."""
        self.put(f"{head} {{")
        self._depth += 1
        yield
        self._depth -= 1
        self.put("}")

    # --- statements -------------------------------------------------------------------------------

    def variable(self, kind: str, s: Statement) -> str:
        """The name of a statement's variable."""
        return f"{kind}{self._labels[s]}"

    def execute(self, statements: Iterable[Statement]) -> None:
        """Statements on the level of elements or of rows, or a step of such reductions."""
        for s in statements:
            if not s.reduces:
                self.define(s, self.computed(s))
            elif s.reduces == "row":
                number = self._argument(s.args[0], s.dtype)
                self.put("if (lane == 0)")
                self._add_to_total(s, number)
            else:
                self._add_to_cell(s)

    def computed(self, s: Statement) -> str:
        """What a statement computes."""
        wanted = ["bool" if s.name == "where" and i == 0 else s.dtype for i in range(len(s.args))]
        args = [self._argument(v, kind) for v, kind in zip(s.args, wanted, strict=True)]
        return expression(s.name, s.dtype, args)

    def define(self, s: Statement, found: str, stored: bool = True) -> None:
        """Give a name to what a statement computes, and write it where it is needed."""
        name = self.variable("v", s)
        if s in self.kept:
            name += "[j]"
            self.put(f"{name} = {found};")
        else:
            self.put(f"const {TYPES[s.place.dtype]} {name} = {found};")
        self.names[s] = name
        if s.stored and stored and not (s in self.kept and s.place in self.loop.buffers):
            self.store(s)

    def store(self, s: Statement) -> None:
        """Write what a statement computed to its place."""
        if s.level == "row":
            if s.place in self.loads:
                self.put("team_wait<TEAM>();")
            self.put("if (lane == 0)")
        self.put(f"{self.at(s.place)} = {self.names[s]};")

    def _argument(self, v: Value, wanted: str) -> str:
        """An argument, in the type in which it is wanted."""
        if not isinstance(v, Load | Statement):
            return self._number(v, wanted)
        key: Any = v if isinstance(v, Statement) else v.place
        if key not in self.names:
            self.read([v.place])
            key = v.place
        same = v.place.dtype == wanted
        return self.names[key] if same else f"({TYPES[wanted]}) {self.names[key]}"

    def _number(self, v: float, wanted: str) -> str:
        """A number: whole ones are arguments, since most of them are sizes."""
        if wanted == "bool" or abs(v) <= 2 or type(v) is not int:
            return literal(v, wanted)
        if v not in self.numbers:
            self.numbers.append(v)
        return f"({TYPES[wanted]}) n{self.numbers.index(v)}"

    # --- reductions -------------------------------------------------------------------------------

    def cells(self, inner: Sequence[Statement]) -> dict[Statement, str]:
        """Declare what a thread has of the reductions over elements."""
        found = {s: self.variable("c", s) for s in inner if s.reduces == "full"}
        for s, cell in found.items():
            kind = "int64" if s.name == "first_equal" else s.dtype
            self.put(f"{TYPES[kind]} {cell} = {beginning(s, kind)};")
        return found

    def _add_to_cell(self, s: Statement) -> None:
        cell, found = self.variable("c", s), self._argument(s.args[0], s.dtype)
        if s.name == "first_equal":
            other = self._argument(s.args[1], s.dtype)
            hit = f"{found} == {other} || {found} != {found}"
            found = f"{hit} ? (long long) column : {_NOWHERE}"
        self.put(f"{cell} = {combined(s)}::of({cell}, {found});")

    def add_to_totals(self, cells: dict[Statement, str]) -> None:
        """Add what cells have to the totals that they belong to."""
        for s, cell in cells.items():
            if s.level == "total":
                self._add_to_total(s, cell)

    def _add_to_total(self, s: Statement, number: str) -> None:
        total = self.variable("t", s)
        self.put(f"{total} = {combined(s)}::of({total}, (double) {number});")

    # --- memory -----------------------------------------------------------------------------------

    def read(self, places: Iterable[Place]) -> None:
        """Read what is in memory, once."""
        for place in places:
            if place not in self.names:
                name = f"m{self.pointers[place][1:]}"
                self.put(f"const {TYPES[place.dtype]} {name} = {self.at(place)};")
                self.names[place] = name

    def at(self, place: Place) -> str:
        """A place's element in this row and column."""
        terms = []
        if place.row and self.loop.rows > 1:
            dense = place.row == self.loop.columns
            terms.append("start" if dense else "row" + _times(place.row))
        if place.column:
            terms.append("column" + _times(place.column))
        return f"{self.pointers[place]}[{' + '.join(terms) or 0}]"


def _times(stride: int) -> str:
    return "" if stride == 1 else f" * {stride}"
