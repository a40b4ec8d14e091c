"""Elementwise arithmetic. Operands broadcast; autodiff sums the gradient back."""

from typing import Any

from xpnet.ops.record import PASS, Op
from xpnet.typing import Namespace

__all__ = [
    "ABS",
    "ADD",
    "COS",
    "DIVIDE",
    "EXP",
    "EXPM1",
    "FLUSH_TO_ZERO",
    "IDENTITY",
    "LOG",
    "LOG1P",
    "MAXIMUM",
    "MINIMUM",
    "MULTIPLY",
    "NEGATIVE",
    "POWER",
    "SIN",
    "SQRT",
    "SUBTRACT",
]

_UNARY = "(...)->(...)"
_BINARY = "(...),(...)->(...)"


def identity(xp: Namespace, x: Any) -> Any:
    """y = x."""
    return xp.asarray(x, copy=True)


def negative(xp: Namespace, x: Any) -> Any:
    """y = -x."""
    return xp.negative(x)


def negative_vjp(xp: Namespace, gy: Any) -> Any:
    """gx = -gy."""
    return xp.negative(gy)


def add(xp: Namespace, a: Any, b: Any) -> Any:
    """y = a + b."""
    return xp.add(a, b)


def subtract(xp: Namespace, a: Any, b: Any) -> Any:
    """y = a - b."""
    return xp.subtract(a, b)


def multiply(xp: Namespace, a: Any, b: Any) -> Any:
    """y = a b."""
    return xp.multiply(a, b)


def multiply_vjp_a(xp: Namespace, gy: Any, b: Any) -> Any:
    """ga = gy b: the multiply gate swaps its inputs."""
    return xp.multiply(gy, b)


def multiply_vjp_b(xp: Namespace, gy: Any, a: Any) -> Any:
    """gb = gy a."""
    return xp.multiply(gy, a)


def divide(xp: Namespace, a: Any, b: Any) -> Any:
    """y = a / b."""
    return xp.divide(a, b)


def divide_vjp_a(xp: Namespace, gy: Any, b: Any) -> Any:
    """ga = gy / b."""
    return xp.divide(gy, b)


def divide_vjp_b(xp: Namespace, gy: Any, y: Any, b: Any) -> Any:
    """gb = -gy y / b."""
    return xp.negative(xp.divide(xp.multiply(gy, y), b))


def power(xp: Namespace, a: Any, b: Any) -> Any:
    """y = a ** b."""
    return xp.pow(a, b)


def power_vjp_a(xp: Namespace, gy: Any, a: Any, b: Any) -> Any:
    """ga = gy b a ** (b - 1), and 0 where b = 0."""
    exponent = xp.where(b == 0, xp.zeros_like(b), b - 1)
    return xp.multiply(xp.multiply(gy, b), xp.pow(a, exponent))


def power_vjp_b(xp: Namespace, gy: Any, y: Any, a: Any) -> Any:
    """gb = gy y ln a, and 0 where y = 0."""
    zero = y == 0
    safe = xp.where(zero, xp.ones_like(y), xp.zeros_like(y) + a)
    return xp.multiply(xp.multiply(gy, y), xp.log(safe))


def exp(xp: Namespace, x: Any) -> Any:
    """y = e ** x."""
    return xp.exp(x)


def exp_vjp(xp: Namespace, gy: Any, y: Any) -> Any:
    """gx = gy y."""
    return xp.multiply(gy, y)


def log(xp: Namespace, x: Any) -> Any:
    """y = ln x."""
    return xp.log(x)


def log_vjp(xp: Namespace, gy: Any, x: Any) -> Any:
    """gx = gy / x."""
    return xp.divide(gy, x)


def abs_(xp: Namespace, x: Any) -> Any:
    """y = |x|."""
    return xp.abs(x)


def abs_vjp(xp: Namespace, gy: Any, x: Any) -> Any:
    """gx = gy sign x: the subgradient at 0 is 0."""
    return xp.multiply(gy, xp.sign(x))


def sqrt(xp: Namespace, x: Any) -> Any:
    """y = x ** (1/2)."""
    return xp.sqrt(x)


def sqrt_vjp(xp: Namespace, gy: Any, y: Any) -> Any:
    """gx = gy / (2 y)."""
    return xp.divide(gy, 2 * y)


def log1p(xp: Namespace, x: Any) -> Any:
    """y = ln(1 + x), to full precision near 0."""
    return xp.log1p(x)


def log1p_vjp(xp: Namespace, gy: Any, x: Any) -> Any:
    """gx = gy / (1 + x)."""
    return xp.divide(gy, 1 + x)


def expm1(xp: Namespace, x: Any) -> Any:
    """y = e ** x - 1, to full precision near 0."""
    return xp.expm1(x)


def expm1_vjp(xp: Namespace, gy: Any, y: Any) -> Any:
    """gx = gy (y + 1)."""
    return xp.multiply(gy, y + 1)


def sin(xp: Namespace, x: Any) -> Any:
    """y = sin x."""
    return xp.sin(x)


def sin_vjp(xp: Namespace, gy: Any, x: Any) -> Any:
    """gx = gy cos x."""
    return xp.multiply(gy, xp.cos(x))


def cos(xp: Namespace, x: Any) -> Any:
    """y = cos x."""
    return xp.cos(x)


def cos_vjp(xp: Namespace, gy: Any, x: Any) -> Any:
    """gx = -gy sin x."""
    return xp.negative(xp.multiply(gy, xp.sin(x)))


def _above(xp: Namespace, a: Any, b: Any, like: Any) -> Any:
    """1 where a > b, 1/2 where a = b, else 0."""
    return (xp.astype(a > b, like.dtype) + xp.astype(a >= b, like.dtype)) / 2


def maximum(xp: Namespace, a: Any, b: Any) -> Any:
    """y = the larger of a and b."""
    return xp.maximum(a, b)


def maximum_vjp_a(xp: Namespace, gy: Any, a: Any, b: Any) -> Any:
    """ga = gy [a > b], and gy / 2 where a = b."""
    return gy * _above(xp, a, b, gy)


def maximum_vjp_b(xp: Namespace, gy: Any, a: Any, b: Any) -> Any:
    """gb = gy [b > a], and gy / 2 where a = b."""
    return gy * _above(xp, b, a, gy)


def minimum(xp: Namespace, a: Any, b: Any) -> Any:
    """y = the smaller of a and b."""
    return xp.minimum(a, b)


def flush_to_zero(xp: Namespace, x: Any, *, below: float) -> Any:
    """y = x [|x| >= below]: numbers too small to matter become 0."""
    return xp.multiply(x, xp.astype(xp.abs(x) >= below, x.dtype))


IDENTITY = Op("identity", _UNARY, identity, [PASS], integers=None)
NEGATIVE = Op("negative", _UNARY, negative, [negative_vjp])
ADD = Op("add", _BINARY, add, [PASS, PASS], broadcast=True)
SUBTRACT = Op("subtract", _BINARY, subtract, [PASS, negative_vjp], broadcast=True)
MULTIPLY = Op("multiply", _BINARY, multiply, [multiply_vjp_a, multiply_vjp_b], broadcast=True)
DIVIDE = Op("divide", _BINARY, divide, [divide_vjp_a, divide_vjp_b], broadcast=True)
POWER = Op("power", _BINARY, power, [power_vjp_a, power_vjp_b], broadcast=True)
EXP = Op("exp", _UNARY, exp, [exp_vjp])
LOG = Op("log", _UNARY, log, [log_vjp])
ABS = Op("abs", _UNARY, abs_, [abs_vjp])
SQRT = Op("sqrt", _UNARY, sqrt, [sqrt_vjp])
LOG1P = Op("log1p", _UNARY, log1p, [log1p_vjp])
EXPM1 = Op("expm1", _UNARY, expm1, [expm1_vjp])
SIN = Op("sin", _UNARY, sin, [sin_vjp])
COS = Op("cos", _UNARY, cos, [cos_vjp])
MAXIMUM = Op("maximum", _BINARY, maximum, [maximum_vjp_a, maximum_vjp_b], broadcast=True)
# The smaller input is the one that the other exceeds.
MINIMUM = Op("minimum", _BINARY, minimum, [maximum_vjp_b, maximum_vjp_a], broadcast=True)
FLUSH_TO_ZERO = Op("flush_to_zero", _UNARY, flush_to_zero, [None])
