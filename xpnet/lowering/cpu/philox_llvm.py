"""Random words as a task: vectorized Philox4x32-10."""

from functools import cache, partial
from typing import Any

from llvmlite import ir

from xpnet.kernels import Call
from xpnet.lowering.cpu.jit import Task, compiled
from xpnet.lowering.reading import Reader
from xpnet.philox import block, round_keys

__all__ = ["draw_task"]

_I32, _I64 = ir.IntType(32), ir.IntType(64)


def draw_task(reader: Reader, call: Call) -> Task | None:
    """The task of a recorded `draw`; None for another call, or if its memory has gaps."""
    if reader.name(call) != "draw":
        return None
    _, step, key = call.args
    out = call.kwargs["out"]
    if str(out.dtype) != "uint32" or not out.flags.c_contiguous or out.size % 4:
        return None
    keys = [word for pair in round_keys(*key) for word in pair]
    addresses = [reader.operand(x).address for x in (step, out)]
    return Task.of(compiled(_code(), "draw"), [out.size // 4, *keys], addresses, [step, out])


@cache
def _code() -> str:
    """``draw(numbers)`` as LLVM's intermediate code; numbers: blocks, round keys, step, out."""
    module = ir.Module(name="xpnet")
    pointer = _I64.as_pointer()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer]), "draw")
    before = function.append_basic_block()
    body, after = function.append_basic_block(), function.append_basic_block()
    b = ir.IRBuilder(before)
    count = 3 + 2 * len(round_keys(0, 0))
    numbers = [b.load(b.gep(function.args[0], [_I64(i)])) for i in range(count)]
    blocks, words = numbers[0], [b.trunc(n, _I32) for n in numbers[1:-2]]
    keys = [*zip(words[::2], words[1::2], strict=True)]
    step = b.load(b.inttoptr(numbers[-2], pointer))
    out = b.inttoptr(numbers[-1], _I32.as_pointer())
    later = [b.trunc(step, _I32), b.trunc(b.lshr(step, _I64(32)), _I32)]
    b.cbranch(b.icmp_signed(">", blocks, _I64(0)), body, after)
    b.position_at_end(body)
    index = b.phi(_I64)
    index.add_incoming(_I64(0), before)
    first = [b.trunc(index, _I32), b.trunc(b.lshr(index, _I64(32)), _I32)]
    for i, word in enumerate(block([*first, *later], keys, partial(_product, b), b.xor)):
        b.store(word, b.gep(out, [b.add(b.mul(blocks, _I64(i)), index)]))
    following = b.add(index, _I64(1))
    index.add_incoming(following, body)
    b.cbranch(b.icmp_signed("<", following, blocks), body, after)
    b.position_at_end(after)
    b.ret_void()
    return str(module)


def _product(b: ir.IRBuilder, x: Any, multiplier: int) -> tuple[Any, Any]:
    """High and low halves of a product."""
    product = b.mul(b.zext(x, _I64), _I64(multiplier))
    return b.trunc(b.lshr(product, _I64(32)), _I32), b.trunc(product, _I32)
