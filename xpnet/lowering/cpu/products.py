"""A matrix product as a task: BLAS called by its address."""

from typing import Any

from llvmlite import ir

from xpnet.kernels import Call
from xpnet.lowering.cpu.blas import ROWS, Gemm, entry, lies
from xpnet.lowering.cpu.engine import Task, compiled
from xpnet.lowering.reading import Reader

__all__ = ["product_task"]

_I64 = ir.IntType(64)
_REALS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}


def product_task(reader: Reader, call: Call) -> Task | None:
    """The task of a recorded product of two matrices; None if BLAS cannot do it by address."""
    out = call.kwargs.get("out")
    if reader.name(call) != "matmul" or len(call.args) != 2 or set(call.kwargs) != {"out"}:
        return None
    a, b = call.args
    if any(x.ndim != 2 or x.dtype != out.dtype for x in (a, b, out)):
        return None
    gemm = entry(str(out.dtype))
    if gemm is None:
        return None
    try:
        layouts = [lies(x) for x in (a, b, out)]
    except ValueError:
        return None
    if layouts[2][0] != lies(out.reshape(out.shape))[0] or not out.flags.c_contiguous:
        return None
    (ta, lda), (tb, ldb), (_, ldc) = layouts
    sizes = [a.shape[0], b.shape[1], a.shape[1]]
    places = [reader.operand(x).address for x in (a, b, out)]
    numbers = [gemm.address, ta, tb, *sizes, lda, ldb, max(ldc, out.shape[1]), *places]
    return Task.of(compiled(_code(gemm), "product"), numbers, [a, b, out])


def _code(gemm: Gemm) -> str:
    """``product(numbers)`` as LLVM's intermediate code: the call of `Gemm.address`."""
    module = ir.Module(name="xpnet")
    pointer, real = _I64.as_pointer(), _REALS[gemm.dtype]
    array, integer, enum = real.as_pointer(), ir.IntType(gemm.bits), ir.IntType(32)
    kind = ir.FunctionType(
        ir.VoidType(),
        [*[enum] * 3, *[integer] * 3, real, array, integer, array, integer, real, array, integer],
    )
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer]), "product")
    b = ir.IRBuilder(function.append_basic_block())
    numbers = [b.load(b.gep(function.args[0], [_I64(i)])) for i in range(12)]
    address, ta, tb, *sizes, pa, pb, pc = numbers

    def whole(x: Any, kind: Any) -> Any:
        return x if kind.width == 64 else b.trunc(x, kind)

    m, n, k, lda, ldb, ldc = (whole(x, integer) for x in sizes)
    first, second, third = (b.inttoptr(p, array) for p in (pa, pb, pc))
    modes = [enum(ROWS), whole(ta, enum), whole(tb, enum)]
    b.call(
        b.inttoptr(address, kind.as_pointer()),
        [*modes, m, n, k, real(1.0), first, lda, second, ldb, real(0.0), third, ldc],
    )
    b.ret_void()
    return str(module)
