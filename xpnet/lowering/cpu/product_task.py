"""A matrix product as a task: a call of BLAS by address. Threads share its rows."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from llvmlite import ir

from xpnet.kernels import Call
from xpnet.lowering.cpu.best_blas import best
from xpnet.lowering.cpu.blas import AS_IT_LIES, ROWS, Gemm, lies
from xpnet.lowering.cpu.jit import compiled
from xpnet.lowering.cpu.sharing import Access, Item, bounds
from xpnet.lowering.cpu.tasks import Task
from xpnet.lowering.reading import Reader

__all__ = ["Product", "product_task", "task_of"]

_I64 = ir.IntType(64)
_REALS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}


def product_task(reader: Reader, call: Call, threads: int | None = None) -> Task | None:
    """The task of a recorded product of two matrices; None if BLAS cannot do it by address.

    `threads` is the number of threads that will run it; see `best_blas.best`.
    """
    out = call.kwargs.get("out")
    if reader.name(call) != "matmul" or len(call.args) != 2 or set(call.kwargs) != {"out"}:
        return None
    return task_of(reader, *call.args, out, threads)


def task_of(reader: Reader, a: Any, b: Any, out: Any, threads: int | None = None) -> Task | None:
    """The task of ``out = a @ b``, likewise."""
    if any(x.ndim != 2 or x.dtype != out.dtype for x in (a, b, out)) or not out.size:
        return None
    if not out.flags.c_contiguous or any(_overlap(reader, out, x) for x in (a, b)):
        return None
    try:
        (ta, lda), (tb, ldb) = lies(a), lies(b)
    except ValueError:  # gaps in both directions
        return None
    (m, n), k, dtype = out.shape, a.shape[1], str(out.dtype)
    gemm = best(dtype, m, n, k, threads)
    if gemm is None or (gemm.bits == 32 and max(m, n, k, lda, ldb) >= 2**31):
        return None
    if 1 in (m, n):
        return _vector_task(reader, gemm, a, b, out)
    addresses = [reader.operand(x).address for x in (a, b, out)]
    numbers = [gemm.address, ta, tb, m, n, k, lda, ldb, n]
    code = _code(dtype, gemm.bits, "eeiiirpipirpi")
    return Task.of(compiled(code, "product"), numbers, addresses, [a, b, out])


def _overlap(reader: Reader, a: Any, b: Any) -> bool:
    """Whether two arrays may share bytes, by a quick test."""
    (first, last), (start, end) = reader.operand(a).range, reader.operand(b).range
    return first < end and start < last


def _vector_task(reader: Reader, gemm: Gemm, a: Any, b: Any, out: Any) -> Task | None:
    """A product with one row or one column: a matrix times a vector."""
    matrix, vector = (b.T, a[0]) if out.shape[0] == 1 else (a, b[:, 0])
    (way, stride), dtype = lies(matrix), str(out.dtype)
    step = vector.strides[0] // vector.itemsize if vector.size > 1 else 1
    if step < 1:
        return None
    rows, columns = matrix.shape if way == AS_IT_LIES else matrix.shape[::-1]
    addresses = [reader.operand(x).address for x in (matrix, vector, out)]
    numbers = [gemm.vector, way, rows, columns, stride, step, 1]
    code = _code(dtype, gemm.bits, "eiirpipirpi")
    return Task.of(compiled(code, "product"), numbers, addresses, [matrix, vector, out])


@cache
def _code(dtype: str, bits: int, arguments: str) -> str:
    """``product(numbers)`` as LLVM's intermediate code: a call of the address in the first number.

    `arguments` are the types after the element order: an enumeration or an integer, from the
    numbers; a real number, alpha and then beta; a pointer, from the addresses.
    """
    module = ir.Module(name="xpnet")
    pointer, real = _I64.as_pointer(), _REALS[dtype]
    kinds = {"e": ir.IntType(32), "i": ir.IntType(bits), "r": real, "p": real.as_pointer()}
    kind = ir.FunctionType(ir.VoidType(), [kinds["e"], *(kinds[a] for a in arguments)])
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer]), "product")
    b = ir.IRBuilder(function.append_basic_block())
    count = sum(a in "eip" for a in arguments)
    address, *row = (b.load(b.gep(function.args[0], [_I64(i)])) for i in range(1 + count))
    numbers, addresses = iter(row[:-3]), iter(row[-3:])
    factors = iter([real(1.0), real(0.0)])  # C = 1 A B + 0 C

    def argument(which: str) -> Any:
        if which == "r":
            return next(factors)
        if which == "p":
            return b.inttoptr(next(addresses), kinds["p"])
        number = next(numbers)
        return number if kinds[which].width == 64 else b.trunc(number, kinds[which])

    values = [kinds["e"](ROWS), *map(argument, arguments)]
    b.call(b.inttoptr(address, kind.as_pointer()), values)
    b.ret_void()
    return str(module)


class Product(Item):
    """A product of two matrices, whose rows threads share."""

    def __init__(
        self, reader: Reader, call: Call, make: Callable[[Any, Any, Any], Task | None]
    ) -> None:
        self._make, self._out = make, call.kwargs["out"]
        self._a, self._b = call.args
        rows = self._out.shape[0]
        out, a, b = (reader.operand(x) for x in (self._out, self._a, self._b))
        by_rows = a.strides[0] >= a.shape[1] * a.itemsize
        unit, count = (a.strides[0], rows) if by_rows else (0, 0)
        self.shared = [
            Access(*out.range, out.strides[0], rows, True),
            Access(*a.range, unit, count, False),
            Access(*b.range, 0, 0, False),
        ]

    def task(self) -> Task:
        made = self._make(self._a, self._b, self._out)
        assert made is not None
        return made

    def tasks(self, parts: int) -> list[list[Task]]:
        found: list[list[Task]] = []
        known: dict[int, tuple[int, Task]] = {}  # by the number of rows
        for start, stop in pairwise(bounds(self._out.shape[0], parts)):
            size, rows = stop - start, slice(start, stop)
            if not size:
                found.append([])
                continue
            task = self._moved(*known[size], start) if size in known else None
            if task is None:
                task = self._make(self._a[rows], self._b, self._out[rows])
                assert task is not None
                known[size] = start, task
            found.append([task])
        return found

    def _moved(self, first: int, task: Task, start: int) -> Task | None:
        """The task for as many rows, from row `start` on.

        None if the second matrix begins at the same address as those rows, since it must not move.
        """
        by = np.zeros(len(task.pointers), dtype=np.int64)
        for x in (self._a, self._out):
            step, address = x.strides[0], x.ctypes.data
            here = task.pointers == address + first * step
            if np.count_nonzero(here) != 1:
                return None
            by[here] = (start - first) * step
        return task.moved(task.numbers[: -len(by)], by)
