"""A program run over the rows of a large array, chunk by chunk, without Python in between.

The program's tasks point to the memory of one chunk. After each chunk, a final task advances the
pointers to the next one.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir

from xpnet.lowering.cpu.jit import Program, compiled
from xpnet.lowering.cpu.shared_program import SharedProgram
from xpnet.lowering.cpu.tasks import Layout, Task

__all__ = ["Sweep"]

_I64 = ir.IntType(64)
_POINTER = _I64.as_pointer()


class Sweep:
    """A program over chunks of arrays.

    Parameters
    ----------
    program : Program
    own : sequence of array
        The memory of one chunk's inputs and output. Nothing else shares it.
    """

    def __init__(self, program: Program, own: Sequence[Any]) -> None:
        layout = program.layout.copy()  # runs move its pointers, and a signal may stop one
        self._spots = [_spots(layout, x.ctypes.data, x.nbytes) for x in own]
        pairs = [
            [pointers.ctypes.data + 8 * i, x.nbytes]
            for x, spots in zip(own, self._spots, strict=True)
            for pointers, i, _ in spots
        ]
        self._table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        advance = Task.of(compiled(_code(), "advance"), [len(pairs)], [self._table.ctypes.data], [])
        layout.stages[-1].tail.append(advance)
        self._program = SharedProgram(layout)

    def run(self, arrays: Sequence[Any], chunks: int) -> None:
        """Run over this many chunks of contiguous arrays of the same types."""
        for array, spots in zip(arrays, self._spots, strict=True):
            for pointers, i, offset in spots:
                pointers[i] = array.ctypes.data + offset
        self._program.repeat(chunks)


def _spots(layout: Layout, start: int, size: int) -> list[tuple[Any, int, int]]:
    """Where tasks point into these bytes: (pointers, position, offset from `start`)."""
    return [
        (task.pointers, i, address - start)
        for task in layout.tasks
        for i, address in enumerate(task.pointers.tolist())
        if start <= address < start + size
    ]


@cache
def _code() -> str:
    """``advance(numbers)`` as LLVM's intermediate code: add its number to each word of a table.

    The numbers are the table's row count and address. A row holds a word's address and number.
    """
    module = ir.Module(name="xpnet")
    kind = ir.FunctionType(ir.VoidType(), [_POINTER])
    function = ir.Function(module, kind, "advance")
    before = function.append_basic_block()
    body, after = function.append_basic_block(), function.append_basic_block()
    b = ir.IRBuilder(before)
    count, address = (b.load(b.gep(function.args[0], [_I64(i)])) for i in range(2))
    table = b.inttoptr(address, _POINTER)
    b.cbranch(b.icmp_signed(">", count, _I64(0)), body, after)
    b.position_at_end(body)
    row = b.phi(_I64)
    row.add_incoming(_I64(0), before)
    first = b.mul(row, _I64(2))
    word = b.inttoptr(b.load(b.gep(table, [first])), _POINTER)
    by = b.load(b.gep(table, [b.add(first, _I64(1))]))
    b.store(b.add(b.load(word), by), word)
    following = b.add(row, _I64(1))
    row.add_incoming(following, body)
    b.cbranch(b.icmp_signed("<", following, count), body, after)
    b.position_at_end(after)
    b.ret_void()
    return str(module)
