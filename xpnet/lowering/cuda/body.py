"""The statements of a loop as lines of CUDA C, for all kinds of kernels."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from xpnet.lowering.cuda.cuda_functions import TYPES, expression, limit, literal
from xpnet.lowering.ir import Argument, Load, Loop, MemoryRef, Statement

__all__ = ["Body", "beginning", "combined"]

_OPS = {"sum": "Sum", "max": "Max", "min": "Min", "first_equal": "Min"}
_NOWHERE = limit("int64", largest=True)


def combined(s: Statement) -> str:
    """The device structure whose ``of`` combines two numbers of a reduction."""
    return _OPS[s.name]


def beginning(s: Statement, dtype: str) -> str:
    """The initial value of a reduction."""
    if s.name == "sum":
        return literal(0, dtype)
    return limit(dtype, largest=s.name != "max")


class Body:
    """The lines of a kernel under construction.

    A variable's letter tells what it holds: ``m`` a number from memory, ``v`` a statement's result,
    ``c`` a thread's part of a reduction, ``t`` its part of a total. ``p`` are pointers to memory,
    and ``n`` are numbers among the arguments.

    Attributes
    ----------
    loop : Loop
    kept : set of Statement
        Statements that stay in registers across phases, in arrays with an element for each of a
        thread's columns.
    silent : set of Statement
        Those of them that need no memory: a buffer's, or what a later phase overwrites.
    numbers : list of int
        See `xpnet.lowering.cuda.kernel_source.Source`.
    names : dict
        Variables of memory and statements that the next line can read.
    """

    def __init__(self, loop: Loop, kept: set[Statement]) -> None:
        self.loop, self.kept = loop, kept
        self.lines: list[str] = []
        self.names: dict[Any, str] = {}
        self.numbers: list[int] = []
        self.pointers = {ref: f"p{i}" for i, ref in enumerate(loop.refs)}
        self.loads = {v.ref for s in loop.statements for v in s.args if isinstance(v, Load)}
        self.silent = {s for s in kept if s.ref in loop.buffers or self._overwritten(s)}
        self._labels = {s: i for i, s in enumerate(loop.statements)}
        self._depth = 1

    def _overwritten(self, s: Statement) -> bool:
        """Whether a later phase overwrites its memory, and nothing reads it there before."""
        later = (t for t in self.loop.statements if t.stored and t.phase > s.phase)
        return s.ref not in self.loads and any(t.level == "full" and t.ref == s.ref for t in later)

    def put(self, *lines: str) -> None:
        """Append lines."""
        self.lines += ["    " * self._depth + line for line in lines]

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Enclose the following lines in braces."""
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
        """Statements at the level of elements or rows, or a step of their reductions."""
        for s in statements:
            if not s.reduces:
                self.define(s, self.computed(s))
            elif s.reduces == "row":
                number = self._argument(s.args[0], s.dtype)
                self.put("if (lane == 0)")
                self._add_to_total(s, number)
            else:
                self._add_to_cell(s)

    def at_a_time(
        self, statements: Sequence[Statement], each: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """Statements for EACH elements: read all of them, so that their loads run together.

        ``each()`` encloses the lines for one of them, the j-th.
        """
        outer = dict(self.names)
        read = dict.fromkeys(v.ref for s in statements for v in s.args if isinstance(v, Load))
        fresh = {ref: f"m{self.pointers[ref][1:]}" for ref in read if ref not in outer}
        for ref, name in fresh.items():
            self.put(f"{TYPES[ref.dtype]} {name}[EACH];")
        with each():
            for ref, name in fresh.items():
                self.put(f"{name}[j] = {self.at(ref)};")
                self.names[ref] = f"{name}[j]"
        with each():
            self.execute(statements)
        self.names = outer

    def computed(self, s: Statement) -> str:
        """The expression that a statement computes."""
        wanted = ["bool" if s.name == "where" and i == 0 else s.dtype for i in range(len(s.args))]
        args = [self._argument(v, kind) for v, kind in zip(s.args, wanted, strict=True)]
        return expression(s.name, s.dtype, args)

    def define(self, s: Statement, found: str, stored: bool = True) -> None:
        """Assign a statement's result to a variable, and write it to memory if needed."""
        name = self.variable("v", s)
        if s in self.kept:
            name += "[j]"
            self.put(f"{name} = {found};")
        else:
            self.put(f"const {TYPES[s.ref.dtype]} {name} = {found};")
        self.names[s] = name
        if s.stored and stored and s not in self.silent:
            self.store(s)

    def store(self, s: Statement) -> None:
        """Write a statement's result to its memory."""
        if s.level == "row":
            if s.ref in self.loads:
                self.put("team_wait<TEAM>();")
            self.put("if (lane == 0)")
        self.put(f"{self.at(s.ref)} = {self.names[s]};")

    def _argument(self, v: Argument, wanted: str) -> str:
        """An argument, converted to the type wanted."""
        if not isinstance(v, Load | Statement):
            return self._number(v, wanted)
        key: Any = v if isinstance(v, Statement) else v.ref
        if key not in self.names:
            self.read([v.ref])
            key = v.ref
        same = v.ref.dtype == wanted
        return self.names[key] if same else f"({TYPES[wanted]}) {self.names[key]}"

    def _number(self, v: float, wanted: str) -> str:
        """A number. Whole numbers are kernel arguments, because most are sizes."""
        if wanted == "bool" or abs(v) <= 2 or type(v) is not int:
            return literal(v, wanted)
        if v not in self.numbers:
            self.numbers.append(v)
        return f"({TYPES[wanted]}) n{self.numbers.index(v)}"

    # --- reductions -------------------------------------------------------------------------------

    def cells(self, inner: Sequence[Statement]) -> dict[Statement, str]:
        """Declare a thread's part of the reductions over elements."""
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
        """Add cells to their totals."""
        for s, cell in cells.items():
            if s.level == "total":
                self._add_to_total(s, cell)

    def _add_to_total(self, s: Statement, number: str) -> None:
        total = self.variable("t", s)
        self.put(f"{total} = {combined(s)}::of({total}, (double) {number});")

    # --- memory -----------------------------------------------------------------------------------

    def read(self, refs: Iterable[MemoryRef]) -> None:
        """Read numbers from memory, once each."""
        for ref in refs:
            if ref not in self.names:
                name = f"m{self.pointers[ref][1:]}"
                self.put(f"const {TYPES[ref.dtype]} {name} = {self.at(ref)};")
                self.names[ref] = name

    def at(self, ref: MemoryRef) -> str:
        """The element of memory in this row and column."""
        terms = []
        if ref.row and self.loop.rows > 1:
            dense = ref.row == self.loop.columns
            terms.append("start" if dense else "row" + _times(ref.row))
        if ref.column:
            terms.append("column" + _times(ref.column))
        return f"{self.pointers[ref]}[{' + '.join(terms) or 0}]"


def _times(stride: int) -> str:
    return "" if stride == 1 else f" * {stride}"
