"""Tasks between steps: fetch a batch and its numbers, check the loss, record the results.

With them, a program runs many steps without Python. A counter in memory holds the batch number.
"""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from llvmlite import ir

from xpnet.lowering.cpu.jit import compiled
from xpnet.lowering.cpu.sharing import Access, Item, Lone, bounds
from xpnet.lowering.cpu.tasks import Task

__all__ = ["check", "every", "fetch", "numbers_of", "record"]

_I8, _I64 = ir.IntType(8), ir.IntType(64)
_POINTER, _BYTES = _I64.as_pointer(), _I8.as_pointer()
_SMALL = 1024  # bytes; one thread fetches them faster than threads can synchronize


def _task(name: str, numbers: list[int], addresses: list[int]) -> Task:
    """A task that keeps no array alive; `StepProgram` does while it needs them."""
    return Task.of(compiled(_code(), name), numbers, addresses, [])


def _addresses(*arrays: Any) -> list[int]:
    return [x.ctypes.data for x in arrays]


def _bytes(x: Any, unit: int = 0, count: int = 0, writes: bool = False) -> Access:
    """The access to a contiguous array."""
    return Access(x.ctypes.data, x.ctypes.data + x.nbytes, unit, count, writes)


class _Fetch(Item):
    """Copy the rows of a batch: ``out[i] = source[order[counter * size + i]]``."""

    def __init__(self, counter: Any, order: Any, size: int, source: Any, out: Any) -> None:
        self._size, self._rows = size, out.shape[0]
        self._width = out.nbytes // self._rows
        self._addresses = _addresses(counter, order, source, out)
        own = _bytes(out, self._width, self._rows, True)
        reads = [_bytes(x) for x in (counter, order, source)]
        self.shared = [own, *reads] if out.nbytes > _SMALL else None
        self._all = [own, *reads]

    def whole(self) -> list[Access]:
        return [Access(a.low, a.high, 0, 0, a.writes) for a in self._all]

    def task(self) -> Task:
        return self._part(0, self._rows)

    def tasks(self, parts: int) -> list[list[Task]]:
        limits = bounds(self._rows, parts)
        return [[self._part(*ends)] if ends[0] < ends[1] else [] for ends in pairwise(limits)]

    def _part(self, start: int, stop: int) -> Task:
        return _task("fetch", [self._size, self._width, start, stop], self._addresses)


def fetch(counter: Any, order: Any, size: int, source: Any, out: Any) -> Item:
    """Copy the rows of batch number `counter`; batches have `size` rows.

    All arrays are contiguous; `order` holds the numbers of all rows.
    """
    return _Fetch(counter, order, size, source, out)


def numbers_of(counter: Any, table: Any, out: Any) -> Item:
    """Copy row number `counter` of a table."""
    accesses = [_bytes(counter), _bytes(table), _bytes(out, writes=True)]
    numbers, addresses = [out.nbytes], _addresses(counter, table, out)
    return Lone(lambda: _task("copy_row", numbers, addresses), accesses)


def check(loss: Any, stopped: Any) -> Item:
    """Stop the program if a loss is NaN or infinite."""
    name, addresses = f"check_{loss.dtype}", _addresses(loss, stopped)
    accesses = [_bytes(loss), _bytes(stopped, writes=True)]
    return Lone(lambda: _task(name, [], addresses), accesses)


def record(counts: Sequence[Any], results: Any, log: Any) -> Item:
    """Copy the results to a row of a log; increase the counts, of which the first is the row."""
    accesses = [_bytes(x, writes=True) for x in (*counts, log)]
    numbers, addresses = [results.nbytes], _addresses(*counts, results, log)
    return Lone(lambda: _task("record", numbers, addresses), [*accesses, _bytes(results)])


class _Every(Item):
    """An item that runs only if a number + 1 is divisible by a period."""

    def __init__(self, period: int, number: Any, item: Item) -> None:
        self._period, self._item, self._addresses = period, item, _addresses(number)
        extra = [_bytes(number)]
        self.shared = None if item.shared is None else [*item.shared, *extra]
        self._whole = [*item.whole(), *extra]

    def whole(self) -> list[Access]:
        return self._whole

    def task(self) -> Task:
        return self._sometimes(self._item.task())

    def alone(self) -> list[Task]:
        return [self._sometimes(task) for task in self._item.alone()]

    def tasks(self, parts: int) -> list[list[Task]]:
        return [[self._sometimes(t) for t in tasks] for tasks in self._item.tasks(parts)]

    def _sometimes(self, task: Task) -> Task:
        numbers = [self._period, task.address, task.numbers.ctypes.data]
        made = _task("every", numbers, self._addresses)
        made.arrays.append(task)
        return made


def every(period: int, number: Any, item: Item) -> Item:
    """Run an item only if ``number + 1`` is divisible by a period."""
    return _Every(period, number, item)


# --- code -----------------------------------------------------------------------------------------


@cache
def _code() -> str:
    """The tasks as LLVM's intermediate code."""
    module = ir.Module(name="xpnet")
    kind = ir.FunctionType(ir.VoidType(), [_POINTER])

    def define(name: str, count: int, body: Any) -> None:
        function = ir.Function(module, kind, name)
        b = ir.IRBuilder(function.append_basic_block())
        body(b, *(b.load(b.gep(function.args[0], [_I64(i)])) for i in range(count)))
        b.ret_void()

    define("fetch", 8, _fetch)
    define("copy_row", 4, _copy_row)
    define("record", 6, _record)
    define("every", 4, _every)
    for dtype, real in (("float32", ir.FloatType()), ("float64", ir.DoubleType())):
        define(f"check_{dtype}", 2, lambda b, loss, stop, real=real: _check(b, real, loss, stop))
    return str(module)


def _copy(b: ir.IRBuilder, to: Any, source: Any, size: Any) -> None:
    """Copy bytes between two addresses."""
    copy = b.module.declare_intrinsic("llvm.memcpy", [_BYTES, _BYTES, _I64])
    pointers = [b.inttoptr(address, _BYTES) for address in (to, source)]
    b.call(copy, [*pointers, size, ir.IntType(1)(0)])


def _fetch(b: ir.IRBuilder, *numbers: Any) -> None:
    size, width, start, stop, counter, order, source, out = numbers
    first = b.mul(b.load(b.inttoptr(counter, _POINTER)), size)
    order = b.gep(b.inttoptr(order, _POINTER), [first])
    before, body, after = b.block, b.append_basic_block(), b.append_basic_block()
    b.branch(body)
    b.position_at_end(body)
    i = b.phi(_I64)
    i.add_incoming(start, before)
    row = b.load(b.gep(order, [i]))
    _copy(b, b.add(out, b.mul(i, width)), b.add(source, b.mul(row, width)), width)
    following = b.add(i, _I64(1))
    i.add_incoming(following, b.block)
    b.cbranch(b.icmp_signed("<", following, stop), body, after)
    b.position_at_end(after)


def _copy_row(b: ir.IRBuilder, size: Any, counter: Any, table: Any, out: Any) -> None:
    row = b.load(b.inttoptr(counter, _POINTER))
    _copy(b, out, b.add(table, b.mul(row, size)), size)


def _record(b: ir.IRBuilder, size: Any, *addresses: Any) -> None:
    *counts, results, log = addresses
    row = b.load(b.inttoptr(counts[0], _POINTER))
    _copy(b, b.add(log, b.mul(row, size)), results, size)
    for count in counts:
        place = b.inttoptr(count, _POINTER)
        b.store(b.add(b.load(place), _I64(1)), place)


def _every(b: ir.IRBuilder, period: Any, function: Any, argument: Any, number: Any) -> None:
    following = b.add(b.load(b.inttoptr(number, _POINTER)), _I64(1))
    kind = ir.FunctionType(ir.VoidType(), [_POINTER]).as_pointer()
    with b.if_then(b.icmp_signed("==", b.srem(following, period), _I64(0))):
        b.call(b.inttoptr(function, kind), [b.inttoptr(argument, _POINTER)])


def _check(b: ir.IRBuilder, real: Any, loss: Any, stopped: Any) -> None:
    value = b.load(b.inttoptr(loss, real.as_pointer()))
    absolute = b.call(b.module.declare_intrinsic("llvm.fabs", [real]), [value])
    finite = b.fcmp_ordered("<", absolute, real(float("inf")))
    b.store(b.zext(b.not_(finite), _I64), b.inttoptr(stopped, _POINTER))
