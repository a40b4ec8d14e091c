"""Random words as a task: vectorized Philox4x32-10."""

from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
from llvmlite import ir

from xpnet.kernels import Call
from xpnet.lowering.cpu.jit import Program, compiled
from xpnet.lowering.cpu.sharing import Access, Item, bounds
from xpnet.lowering.cpu.tasks import Task
from xpnet.lowering.reading import Reader
from xpnet.philox import block, round_keys

__all__ = ["Draw", "draw_task", "words"]

_I32, _I64 = ir.IntType(32), ir.IntType(64)


def draw_task(reader: Reader, call: Call) -> Task | None:
    """The task of a recorded `draw`; None for another call, or if its memory has gaps."""
    if reader.name(call) != "draw":
        return None
    _, step, (*key, first) = call.args
    out = call.kwargs["out"]
    if str(out.dtype) != "uint32" or not out.flags.c_contiguous or out.size % 4:
        return None
    keys = [word for pair in round_keys(*key) for word in pair]
    blocks = out.size // 4
    # A block's number is its place, too: so the array begins where block 0 would be.
    addresses = [reader.operand(step).address, reader.operand(out).address - 4 * first]
    numbers = [blocks, first, first + blocks, *keys]
    return Task.of(compiled(_code(), "draw"), numbers, addresses, [step, out])


def words(seed: int, stream: int, step: int, count: int) -> Any:
    """The uint32 numbers of `random.words`."""
    blocks = -(-count // 4)
    number, out = np.array(step, dtype=np.uint64), np.empty(4 * blocks, dtype=np.uint32)
    keys = [word for pair in round_keys(seed, stream) for word in pair]
    pointers = [x.ctypes.data for x in (number, out)]
    Program([Task.of(compiled(_code(), "draw"), [blocks, 0, blocks, *keys], pointers, [])]).run()
    return out[:count]


class Draw(Item):
    """A recorded `draw`; threads share its blocks, whose words do not follow rows."""

    def __init__(self, reader: Reader, call: Call) -> None:
        made = draw_task(reader, call)
        assert made is not None
        self._task = made
        step, out = (reader.operand(x).range for x in (call.args[1], call.kwargs["out"]))
        self.shared = [Access(*out, 0, 0, True), Access(*step, 0, 0, False)]

    def task(self) -> Task:
        return self._task

    def tasks(self, parts: int) -> list[list[Task]]:
        blocks, first, _, *keys = self._task.numbers[:-2]
        limits = bounds(int(blocks), parts)
        return [
            [self._task.moved([blocks, first + start, first + stop, *keys], 0)]
            if start < stop
            else []
            for start, stop in pairwise(limits)
        ]


@cache
def _code() -> str:
    """``draw(numbers)`` as LLVM's intermediate code.

    The numbers: all blocks, the first to draw and the end, the round keys, step, out.
    """
    module = ir.Module(name="xpnet")
    pointer = _I64.as_pointer()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer]), "draw")
    before = function.append_basic_block()
    body, after = function.append_basic_block(), function.append_basic_block()
    b = ir.IRBuilder(before)
    count = 5 + 2 * len(round_keys(0, 0))
    numbers = [b.load(b.gep(function.args[0], [_I64(i)])) for i in range(count)]
    blocks, start, stop = numbers[:3]
    words = [b.trunc(n, _I32) for n in numbers[3:-2]]
    keys = [*zip(words[::2], words[1::2], strict=True)]
    step = b.load(b.inttoptr(numbers[-2], pointer))
    out = b.inttoptr(numbers[-1], _I32.as_pointer())
    later = [b.trunc(step, _I32), b.trunc(b.lshr(step, _I64(32)), _I32)]
    b.cbranch(b.icmp_signed("<", start, stop), body, after)
    b.position_at_end(body)
    index = b.phi(_I64)
    index.add_incoming(start, before)
    first = [b.trunc(index, _I32), b.trunc(b.lshr(index, _I64(32)), _I32)]
    for i, word in enumerate(block([*first, *later], keys, partial(_product, b), b.xor)):
        b.store(word, b.gep(out, [b.add(b.mul(blocks, _I64(i)), index)]))
    following = b.add(index, _I64(1))
    index.add_incoming(following, body)
    b.cbranch(b.icmp_signed("<", following, stop), body, after)
    b.position_at_end(after)
    b.ret_void()
    return str(module)


def _product(b: ir.IRBuilder, x: Any, multiplier: int) -> tuple[Any, Any]:
    """High and low halves of a product."""
    product = b.mul(b.zext(x, _I64), _I64(multiplier))
    return b.trunc(b.lshr(product, _I64(32)), _I32), b.trunc(product, _I32)
