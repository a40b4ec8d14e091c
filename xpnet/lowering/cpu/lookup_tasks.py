"""Rows of a table, looked up by their numbers and added to, as tasks.

A number that is no row gives NaN, and nothing is added for it.
"""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from llvmlite import ir

from xpnet.kernels import Call
from xpnet.lowering.cpu.jit import compiled
from xpnet.lowering.cpu.shared_words import Builder
from xpnet.lowering.cpu.sharing import Access, Item, bounds
from xpnet.lowering.cpu.tasks import Task
from xpnet.lowering.reading import Reader

__all__ = ["AddRows", "TakeRows", "lookup_of"]

_I64 = ir.IntType(64)
_POINTER = _I64.as_pointer()
_REALS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}


def lookup_of(reader: Reader, call: Call) -> "TakeRows | AddRows | None":
    """The item of a recorded `take` or `add_at` of rows; None for another call."""
    match reader.name(call), call.args, call.kwargs:
        case "take", (table, ids), {"out": out, **others} if not others:
            kind: type[TakeRows | AddRows] = TakeRows
        case "add_at", (table, ids, out), {**others} if not others:
            kind = AddRows
        case _:
            return None
    if table.ndim != 2 or out.shape != (*ids.shape, table.shape[1]) or not out.size:
        return None
    if not all(x.flags.c_contiguous for x in (table, ids, out)) or str(ids.dtype) != "int64":
        return None
    if out.dtype != table.dtype or str(out.dtype) not in _REALS:
        return None
    return kind(reader, table, ids, out)


class TakeRows(Item):
    """Rows of a table, of which threads share the numbers."""

    def __init__(self, reader: Reader, table: Any, ids: Any, out: Any) -> None:
        self._count, units = ids.size, table.shape[1]
        self.shared = [
            Access(*reader.operand(out).range, units * out.itemsize, self._count, True),
            Access(*reader.operand(ids).range, ids.itemsize, self._count, False),
            Access(*reader.operand(table).range, 0, 0, False),
        ]
        self._task = _task(reader, "take", table, ids, out)

    def task(self) -> Task:
        return self._task

    def tasks(self, parts: int) -> list[list[Task]]:
        numbers = self._task.numbers[:3]
        found: list[list[Task]] = []
        for start, stop in pairwise(bounds(self._count, parts)):
            by = [a.unit * start for a in self.shared or []]
            found.append(
                [self._task.moved([stop - start, *numbers[1:]], by)] if start < stop else []
            )
        return found


class AddRows(Item):
    """Rows added to those of a table, by one thread: several numbers may be the same."""

    def __init__(self, reader: Reader, table: Any, ids: Any, out: Any) -> None:
        self._accesses = [
            Access(*reader.operand(x).range, 0, 0, x is table) for x in (out, ids, table)
        ]
        self._task = _task(reader, "add", table, ids, out)

    def whole(self) -> list[Access]:
        return self._accesses

    def task(self) -> Task:
        return self._task


def _task(reader: Reader, name: str, table: Any, ids: Any, rows: Any) -> Task:
    addresses = [reader.operand(x).address for x in (rows, ids, table)]
    code = compiled(_code(name, str(rows.dtype)), name)
    return Task.of(code, [ids.size, table.shape[1], len(table)], addresses, [rows, ids, table])


@cache
def _code(name: str, dtype: str) -> str:
    """``take(numbers)`` or ``add(numbers)`` as LLVM's intermediate code.

    The numbers: how many rows, units of a row, rows of the table; rows, their numbers, the table.
    """
    module, real = ir.Module(name="xpnet"), _REALS[dtype]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_POINTER]), name)
    b = Builder(function.append_basic_block())
    numbers = [b.load(b.at(function.args[0], i)) for i in range(6)]
    count, units, size = numbers[:3]
    rows, table = (b.inttoptr(numbers[i], real.as_pointer()) for i in (3, 5))
    ids = b.inttoptr(numbers[4], _POINTER)
    with b.counted(count) as i:
        which = b.load(b.at(ids, i))
        known = b.icmp_unsigned("<", which, size)
        row = b.mul(b.select(known, which, _I64(0)), units)
        _copy(b, name, known, units, (rows, b.mul(i, units)), (table, row))
    b.ret_void()
    return str(module)


def _copy(
    b: Builder, name: str, known: Any, units: Any, row: Sequence[Any], entry: Sequence[Any]
) -> None:
    """Copy an entry of the table to a row, or add the row to the entry."""
    nan = row[0].type.pointee(float("nan"))
    if name == "take":
        with b.counted(units) as j:
            target, source = (b.gep(x, [b.add(first, j)]) for x, first in (row, entry))
            b.store(b.select(known, b.load(source), nan), target)
        return
    with b.counted(b.select(known, units, _I64(0))) as j:
        source, target = (b.gep(x, [b.add(first, j)]) for x, first in (row, entry))
        b.store(b.fadd(b.load(target), b.load(source)), target)
