"""A loop as LLVM's intermediate code.

The code is a function of one argument, the address of a row of 64-bit numbers: the number of rows,
the number of columns, the numbers of `loop_numbers`, then the address of each memory reference in
`Loop.refs`. The number of rows is not part of the code, so that batches of any size share it. Few
columns and other strides are part of it, so that LLVM can unroll it; see `any_width`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from xpnet.lowering.cpu.llvm_functions import (
    FUNCTIONS,
    TESTS,
    TYPES,
    converted,
    is_real,
    number_type,
)
from xpnet.lowering.cpu.loop_numbers import any_width, is_passed, numbers_of, passed
from xpnet.lowering.ir import Argument, Load, Loop, MemoryRef, Statement

__all__ = ["NAME", "printed"]

NAME = "xpnet_loop"

_I64 = ir.IntType(64)
_REASSOCIATE = ("reassoc",)  # allows another order of summation, so that LLVM can vectorize it


def printed(loop: Loop) -> str:
    """The code of a loop."""
    return str(_Printer(loop).module)


class _Printer:
    def __init__(self, loop: Loop) -> None:
        self.module = ir.Module(name="xpnet")
        self._loop, self._refs = loop, loop.refs
        self._values: dict[Any, Any] = {}  # values in registers, until the phase or row ends
        self._cells: dict[Statement, Any] = {}  # memory of a row's reductions
        self._totals: dict[Statement, Any] = {}  # memory of reductions over all rows
        self._pointers: dict[MemoryRef, Any] = {}
        self._entry()

    def _entry(self) -> None:
        """The entry function, and the inner one, whose arrays do not overlap."""
        pointers = [TYPES[p.dtype].as_pointer() for p in self._refs]
        given = numbers_of(self._loop)
        kinds = [_I64, _I64, *(_I64 if isinstance(n, int) else ir.DoubleType() for n in given)]
        kind = ir.FunctionType(ir.VoidType(), [*kinds, *pointers])
        work = ir.Function(self.module, kind, "work")
        work.linkage = "internal"
        work.attributes.add("noinline")
        for argument in work.args[len(kinds) :]:
            argument.add_attribute("noalias")
        outer = ir.FunctionType(ir.VoidType(), [_I64.as_pointer()])
        entry = ir.Function(self.module, outer, NAME)
        b = ir.IRBuilder(entry.append_basic_block())
        words = [b.load(b.gep(entry.args[0], [_I64(i)])) for i in range(len(kinds + pointers))]
        numbers = [b.bitcast(w, t) for w, t in zip(words, kinds, strict=False)]
        places = zip(words[len(kinds) :], pointers, strict=True)
        b.call(work, [*numbers, *(b.inttoptr(w, t) for w, t in places)])
        b.ret_void()
        self._pointers = dict(zip(self._refs, work.args[len(kinds) :], strict=True))
        keys = [(type(n), n) for n in given]
        self._values.update(zip(keys, work.args[2:], strict=False))
        self._body(work)

    def _body(self, work: ir.Function) -> None:
        self._b = ir.IRBuilder(work.append_basic_block())
        loop, rows, columns = self._loop, work.args[0], work.args[1]
        self._columns = columns if any_width(loop) else _I64(loop.columns)
        self._row: Any = _I64(0)
        for ref in self._refs:
            if ref.level == "pre":
                self._values[ref] = self._read(ref, None)
        for s in loop.at("pre"):
            self._execute(s, None)
        self._prepare()
        outer = dict(self._values)
        with self._counted(rows) as row:
            self._row = row
            self._one_row()
        self._values = outer
        for s in loop.statements:
            if s.level == "total":
                total = self._b.load(self._totals[s])
                self._set(s, converted(self._b, total, "float64", s.ref.dtype), None)
        for s in loop.at("post"):
            self._execute(s, None)
        self._b.ret_void()

    def _prepare(self) -> None:
        """Create cells for totals, and zero the memory of sums that accumulate in place."""
        for s in self._loop.statements:
            if s.level == "total":
                self._totals[s] = self._b.alloca(ir.DoubleType())
                self._b.store(ir.DoubleType()(0.0), self._totals[s])
            elif s.level == "column":
                with self._counted(self._columns) as column:
                    zero = TYPES[s.ref.dtype](0.0)
                    self._b.store(zero, self._address(s.ref, column))
            if s.reduces == "full" and s.level != "column":
                self._cells[s] = self._b.alloca(number_type(self._cell_type(s)))

    def _one_row(self) -> None:
        top = dict(self._values)
        for ref in self._refs:
            if ref.level == "row" and any(
                isinstance(v, Load) and v.ref == ref for s in self._loop.statements for v in s.args
            ):
                self._values[ref] = self._read(ref, None)
        for phase in self._loop.phases:
            for s in self._loop.at("row", phase):
                self._execute(s, None)
            inner = [*self._loop.at("full", phase)]
            if inner:
                self._one_phase(inner)
        self._values = top

    def _one_phase(self, inner: list[Statement]) -> None:
        """The inner loop of a phase, then the results of its reductions."""
        b = self._b
        for s in inner:
            if s.reduces and s.level != "column":
                kind = self._cell_type(s)
                b.store(number_type(kind)(_START[s.name]), self._cells[s])
        row = dict(self._values)
        with self._counted(self._columns) as column:
            for s in inner:
                self._execute(s, column)
        self._values = row
        for s in inner:
            if s.level == "row":
                kind = self._cell_type(s)
                found = converted(b, b.load(self._cells[s]), kind, s.ref.dtype)
                self._set(s, found, None)
            elif s.level == "total":
                found = converted(b, b.load(self._cells[s]), self._cell_type(s), "float64")
                self._count_in(s, found)

    def _count_in(self, s: Statement, found: Any) -> None:
        """Add a number to a total."""
        self._b.store(self._b.fadd(self._b.load(self._totals[s]), found), self._totals[s])

    def _cell_type(self, s: Statement) -> str:
        """The type of a reduction; a single row may have millions of numbers."""
        if s.name == "first_equal":
            return "int64"
        return "float64" if s.name == "sum" and self._loop.rows == 1 else s.dtype

    # --- statements -------------------------------------------------------------------------------

    def _execute(self, s: Statement, column: Any) -> None:
        b = self._b
        args = [self._argument(s, i, column) for i in range(len(s.args))]
        if not s.reduces:
            made = FUNCTIONS[s.name](b, s.dtype, *args)
            self._set(s, converted(b, made, self._made(s), s.ref.dtype), column)
        elif s.level == "column":
            address = self._address(s.ref, column)
            found = converted(b, args[0], s.dtype, s.ref.dtype)
            b.store(b.fadd(b.load(address), found), address)
        elif s.reduces == "row":
            self._count_in(s, converted(b, args[0], s.dtype, "float64"))
        else:
            found = self._reduced(s, b.load(self._cells[s]), args, column)
            b.store(found, self._cells[s])

    def _reduced(self, s: Statement, now: Any, args: list[Any], column: Any) -> Any:
        """A reduction's value with one more element."""
        b = self._b
        if s.name == "sum":
            number = converted(b, args[0], s.dtype, self._cell_type(s))
            return b.fadd(now, number, flags=_REASSOCIATE)
        if s.name == "first_equal":
            x, top = args
            hit = b.or_(b.fcmp_ordered("==", x, top), b.fcmp_unordered("uno", x, x))
            here = b.select(hit, column, _I64(_NOWHERE))
            return b.select(b.icmp_signed("<", here, now), here, now)
        name = "maximum" if s.name == "max" else "minimum"
        return FUNCTIONS[name](b, s.dtype, now, args[0])

    @staticmethod
    def _wanted(s: Statement, i: int) -> str:
        return "bool" if s.name == "where" and i == 0 else s.dtype

    @staticmethod
    def _made(s: Statement) -> str:
        """The type that a function returns."""
        return "bool" if s.name in TESTS else s.dtype

    def _argument(self, s: Statement, i: int, column: Any) -> Any:
        """An argument of a statement, in the type that it wants."""
        v, wanted = s.args[i], self._wanted(s, i)
        if is_passed(v, s):
            number = passed(v, s)
            kind = "float64" if isinstance(number, float) else "int64"
            return converted(self._b, self._values[type(number), number], kind, wanted)
        return self._number(v, wanted, column)

    def _number(self, v: Argument, wanted: str, column: Any) -> Any:
        """An argument, converted to the type wanted."""
        if isinstance(v, int | float):
            number = float(v) if is_real(wanted) else bool(v) if wanted == "bool" else int(v)
            return number_type(wanted)(number)
        ref = v.ref
        key: Any = v if isinstance(v, Statement) else ref
        if key not in self._values:
            self._values[key] = self._read(ref, column)
        return converted(self._b, self._values[key], ref.dtype, wanted)

    # --- memory -----------------------------------------------------------------------------------

    def _address(self, ref: MemoryRef, column: Any) -> Any:
        b, index = self._b, _I64(0)
        if ref.row and self._loop.rows > 1 and ref not in self._loop.buffers:
            whole = ref.row == self._loop.columns
            index = b.mul(self._row, self._columns if whole else _I64(ref.row))
        if ref.column and column is not None:
            step = column if ref.column == 1 else b.mul(column, _I64(ref.column))
            index = b.add(index, step)
        return b.gep(self._pointers[ref], [index])

    def _read(self, ref: MemoryRef, column: Any) -> Any:
        found = self._b.load(self._address(ref, column))
        if ref.dtype == "bool":
            return self._b.icmp_unsigned("!=", found, found.type(0))
        return found

    def _set(self, s: Statement, found: Any, column: Any) -> None:
        """Keep the result of a statement, and write it to memory if needed."""
        self._values[s] = found
        if s.stored:
            if s.ref.dtype == "bool":
                found = self._b.zext(found, ir.IntType(8))
            self._b.store(found, self._address(s.ref, column))

    @contextmanager
    def _counted(self, count: Any) -> Iterator[Any]:
        """Run the body for every number from 0 to `count` - 1; `count` is at least 1."""
        b = self._b
        before, body = b.block, b.append_basic_block()
        b.branch(body)
        b.position_at_end(body)
        index = b.phi(_I64)
        index.add_incoming(_I64(0), before)
        yield index
        following = b.add(index, _I64(1), flags=("nsw", "nuw"))
        index.add_incoming(following, b.block)
        after = b.append_basic_block()
        b.cbranch(b.icmp_signed("<", following, count), body, after)
        b.position_at_end(after)


_NOWHERE = (1 << 62) - 1  # after every column
_START: dict[str, float] = {
    "sum": 0.0,
    "max": float("-inf"),
    "min": float("inf"),
    "first_equal": _NOWHERE,
}
