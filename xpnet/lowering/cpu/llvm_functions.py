"""The functions of loops in LLVM's intermediate code, and conversions between types."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from xpnet.lowering.cpu import maths, sine_and_cosine

__all__ = ["FUNCTIONS", "TESTS", "TYPES", "converted", "is_real", "number_type"]

TESTS = "equal not_equal less less_equal greater greater_equal isfinite isinf isnan".split()
TYPES: dict[str, Any] = {
    "float32": ir.FloatType(),
    "float64": ir.DoubleType(),
    "bool": ir.IntType(8),  # in memory
    "uint8": ir.IntType(8),
    "int32": ir.IntType(32),
    "uint32": ir.IntType(32),
    "int64": ir.IntType(64),
    "uint64": ir.IntType(64),
}


def is_real(dtype: str) -> bool:
    """Whether a type is floating point."""
    return dtype.startswith("float")


def number_type(dtype: str) -> Any:
    """The type in a register."""
    return ir.IntType(1) if dtype == "bool" else TYPES[dtype]


def _arithmetic(real: str, whole: str) -> Callable[..., Any]:
    def emit(b: ir.IRBuilder, dtype: str, x: Any, y: Any) -> Any:
        return getattr(b, real if is_real(dtype) else whole)(x, y)

    return emit


def _compare(sign: str) -> Callable[..., Any]:
    def emit(b: ir.IRBuilder, dtype: str, x: Any, y: Any) -> Any:
        if is_real(dtype):
            found = b.fcmp_unordered if sign == "!=" else b.fcmp_ordered
            return found(sign, x, y)
        signed = dtype.startswith("int")
        return (b.icmp_signed if signed else b.icmp_unsigned)(sign, x, y)

    return emit


def _extreme(name: str, sign: str) -> Callable[..., Any]:
    """The larger or smaller of two numbers; NaN if either is."""

    def emit(b: ir.IRBuilder, dtype: str, x: Any, y: Any) -> Any:
        if not is_real(dtype):
            return b.select(_compare(sign)(b, dtype, x, y), x, y)
        if isinstance(y, ir.Constant):
            return b.select(b.fcmp_unordered(sign, x, y), x, y)
        return maths.intrinsic(b, name, x, y)

    return emit


def _intrinsic(name: str) -> Callable[..., Any]:
    def emit(b: ir.IRBuilder, dtype: str, *args: Any) -> Any:
        return maths.intrinsic(b, name, *args)

    return emit


def _abs(b: ir.IRBuilder, dtype: str, x: Any) -> Any:
    if is_real(dtype):
        return _intrinsic("fabs")(b, dtype, x)
    return b.select(b.icmp_signed("<", x, x.type(0)), b.neg(x), x)


def _sign(b: ir.IRBuilder, dtype: str, x: Any) -> Any:
    real = x.type
    signed = _intrinsic("copysign")(b, dtype, real(1.0), x)
    signed = b.select(b.fcmp_ordered("==", x, real(0.0)), real(0.0), signed)
    return b.select(b.fcmp_unordered("uno", x, x), x, signed)


def _pow(b: ir.IRBuilder, dtype: str, x: Any, y: Any) -> Any:
    if isinstance(y, ir.Constant) and y.constant == 2:
        return b.fmul(x, x)
    return _intrinsic("pow")(b, dtype, x, y)


def _negative(b: ir.IRBuilder, dtype: str, x: Any) -> Any:
    return b.fneg(x) if is_real(dtype) else b.neg(x)


def _finite(b: ir.IRBuilder, dtype: str, x: Any) -> Any:
    return b.fcmp_ordered("<", _abs(b, dtype, x), x.type(float("inf")))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "copy": lambda b, dtype, x: x,
    "where": lambda b, dtype, mask, x, y: b.select(mask, x, y),
    "add": _arithmetic("fadd", "add"),
    "subtract": _arithmetic("fsub", "sub"),
    "multiply": _arithmetic("fmul", "mul"),
    "divide": lambda b, dtype, x, y: b.fdiv(x, y),
    "negative": _negative,
    "abs": _abs,
    "sign": _sign,
    "sqrt": _intrinsic("sqrt"),
    "exp": lambda b, dtype, x: maths.exp(b, x),
    "tanh": lambda b, dtype, x: maths.tanh(b, x),
    "expm1": lambda b, dtype, x: maths.expm1(b, x),
    "log": lambda b, dtype, x: maths.log(b, x),
    "log1p": lambda b, dtype, x: maths.log1p(b, x),
    "sin": lambda b, dtype, x: sine_and_cosine.sin(b, x),
    "cos": lambda b, dtype, x: sine_and_cosine.cos(b, x),
    "pow": _pow,
    "maximum": _extreme("maximum", ">"),
    "minimum": _extreme("minimum", "<"),
    "isfinite": _finite,
    "isinf": lambda b, dtype, x: b.fcmp_ordered("==", _abs(b, dtype, x), x.type(float("inf"))),
    "isnan": lambda b, dtype, x: b.fcmp_unordered("uno", x, x),
    "logical_not": lambda b, dtype, x: b.not_(x),
    **dict.fromkeys(("bitwise_and", "logical_and"), lambda b, dtype, x, y: b.and_(x, y)),
    **dict.fromkeys(("bitwise_or", "logical_or"), lambda b, dtype, x, y: b.or_(x, y)),
    **dict.fromkeys(("bitwise_xor", "logical_xor"), lambda b, dtype, x, y: b.xor(x, y)),
    "bitwise_invert": lambda b, dtype, x: b.not_(x),
    "equal": _compare("=="),
    "not_equal": _compare("!="),
    "less": _compare("<"),
    "less_equal": _compare("<="),
    "greater": _compare(">"),
    "greater_equal": _compare(">="),
}


def converted(b: ir.IRBuilder, x: Any, source: str, target: str) -> Any:
    """A number converted to another type."""
    if source == target:
        return x
    if target == "bool":
        return FUNCTIONS["not_equal"](b, source, x, x.type(0))
    kind = number_type(target)
    if source == "bool":
        return b.uitofp(x, kind) if is_real(target) else b.zext(x, kind)
    if is_real(source) and is_real(target):
        return b.fpext(x, kind) if target == "float64" else b.fptrunc(x, kind)
    if is_real(target):
        return (b.sitofp if source.startswith("int") else b.uitofp)(x, kind)
    if is_real(source):
        return (b.fptosi if target.startswith("int") else b.fptoui)(x, kind)
    if kind.width <= x.type.width:
        return b.trunc(x, kind) if kind.width < x.type.width else x
    return (b.sext if source.startswith("int") else b.zext)(x, kind)
