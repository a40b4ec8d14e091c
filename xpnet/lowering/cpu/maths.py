"""Scalar functions, written so that LLVM can vectorize them.

Source: the Cephes Mathematical Library of Stephen L. Moshier (`expf`, `exp`, `logf`, `log`,
`tanhf`, `tanh`; for `sine_and_cosine.py`, `sinf`, `sin`, `cosf`, `cos`), with its polynomials and
reductions but without branches: all cases are computed, and the right one is selected. Errors are
one or two units in the last place.
"""

from typing import Any

from llvmlite import ir

__all__ = ["CONTRACT", "exp", "expm1", "intrinsic", "log", "log1p", "polynomial", "tanh"]

CONTRACT = ("contract",)  # lets LLVM round a product and a sum once

_LOG2_E = 1.44269504088896340736
_EXP = {
    # smallest and largest argument, ln 2 in two parts, the exponent's bits
    "float": (-110.0, 100.0, 0.693359375, -2.12194440e-4, 32, 23, 127),
    "double": (-760.0, 720.0, 6.93145751953125e-1, 1.42860682030941723212e-6, 64, 52, 1023),
}
_EXP_FLOAT = (
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
)
_EXP_P = (1.26177193074810590878e-4, 3.02994407707441961300e-2, 9.99999999999999999910e-1)
_EXP_Q = (
    3.00198505138664455042e-6,
    2.52448340349684104192e-3,
    2.27265548208155028766e-1,
    2.00000000000000000005e0,
)
_EXP_D = (-_EXP_Q[0], 2 * _EXP_P[0] - _EXP_Q[1], 2 * _EXP_P[1] - _EXP_Q[2])  # (2 P - Q) / r**2
_TANH_FLOAT = (
    -5.70498872745e-3,
    2.06390887954e-2,
    -5.37397155531e-2,
    1.33314422036e-1,
    -3.33332819422e-1,
)
_TANH_P = (
    -9.64399179425052238628e-1,
    -9.92877231001918586564e1,
    -1.61468768441708447952e3,
)
_TANH_Q = (1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3)

_LOG = {
    # smallest normal number, 2**k that makes others normal, k
    "float": (1.1754943508222875e-38, 2.0**25, 25),
    "double": (2.2250738585072014e-308, 2.0**54, 54),
}
_LOG_FLOAT = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_LOG_P = (
    1.01875663804580931796e-4,
    4.97494994976747001425e-1,
    4.70579119878881725854,
    1.44989225341610930846e1,
    1.79368678507819816313e1,
    7.70838733755885391666,
)
_LOG_Q = (
    1.0,
    1.12873587189167450590e1,
    4.52279145837532221105e1,
    8.29875266912776603211e1,
    7.11544750618563894466e1,
    2.31251620126765340583e1,
)


def polynomial(b: ir.IRBuilder, x: Any, coefficients: tuple[float, ...]) -> Any:
    """A polynomial by Horner's rule, the highest power first."""
    total = x.type(coefficients[0])
    for c in coefficients[1:]:
        total = b.fadd(b.fmul(total, x, flags=CONTRACT), x.type(c), flags=CONTRACT)
    return total


def intrinsic(b: ir.IRBuilder, name: str, *args: Any) -> Any:
    """One of LLVM's own functions, for one type."""
    kind = args[0].type
    function = ir.FunctionType(kind, [kind] * len(args))
    return b.call(b.module.declare_intrinsic(f"llvm.{name}", [kind], function), args)


def _power_of_two(b: ir.IRBuilder, n: Any, kind: str) -> Any:
    """2**n for a whole number n in the range of normal exponents."""
    *_, width, shift, bias = _EXP[kind]
    integer = ir.IntType(width)
    bits = b.shl(b.add(n, integer(bias)), integer(shift))
    return b.bitcast(bits, ir.FloatType() if kind == "float" else ir.DoubleType())


def _reduced(b: ir.IRBuilder, x: Any) -> tuple[Any, Any]:
    """The whole number n nearest to x / ln 2, and the remainder r = x - n ln 2.

    Numbers whose exponentials are too large or too small are moved to the end of the range.
    """
    low, high, ln2_high, ln2_low, *_ = _EXP[str(x.type)]
    real = x.type
    inside = b.select(b.fcmp_ordered(">", x, real(low)), x, real(low))  # NaN becomes `low`
    inside = b.select(b.fcmp_ordered("<", inside, real(high)), inside, real(high))
    n = intrinsic(b, "rint", b.fmul(inside, real(_LOG2_E)))
    r = b.fsub(inside, b.fmul(n, real(ln2_high), flags=CONTRACT), flags=CONTRACT)
    return n, b.fsub(r, b.fmul(n, real(ln2_low), flags=CONTRACT), flags=CONTRACT)


def _exp_less_1(b: ir.IRBuilder, r: Any, precise: bool = False) -> Any:
    """e**r - 1 for a remainder r: a polynomial or a rational function.

    With `precise`, 2 r P / (Q - r P) = r + r (r P + 2 P - Q) / (Q - r P), which rounds less.
    """
    real, square = r.type, b.fmul(r, r)
    if str(real) == "float":
        rest = b.fmul(polynomial(b, r, _EXP_FLOAT), square, flags=CONTRACT)
        return b.fadd(rest, r, flags=CONTRACT)
    p = b.fmul(r, polynomial(b, square, _EXP_P))
    q = b.fsub(polynomial(b, square, _EXP_Q), p)
    if not precise:
        return b.fmul(real(2.0), b.fdiv(p, q))
    top = b.fadd(p, b.fmul(square, polynomial(b, square, _EXP_D)), flags=CONTRACT)
    return b.fadd(r, b.fmul(r, b.fdiv(top, q)), flags=CONTRACT)


def _halves(b: ir.IRBuilder, n: Any) -> tuple[Any, Any]:
    """Two powers of two whose product is 2**n, since n may exceed the range of exponents."""
    kind = str(n.type)
    integer = ir.IntType(_EXP[kind][4])
    whole = b.fptosi(n, integer)
    half = b.ashr(whole, integer(1))
    return _power_of_two(b, half, kind), _power_of_two(b, b.sub(whole, half), kind)


def exp(b: ir.IRBuilder, x: Any) -> Any:
    """e**x = 2**n e**r, with n the whole number nearest to x / ln 2 and r the remainder."""
    n, r = _reduced(b, x)
    first, second = _halves(b, n)
    y = b.fadd(_exp_less_1(b, r), x.type(1.0))
    y = b.fmul(b.fmul(y, first), second)
    return b.select(b.fcmp_unordered("uno", x, x), x, y)


def expm1(b: ir.IRBuilder, x: Any) -> Any:
    """e**x - 1 = 2**n (e**r - 1) + (2**n - 1); for a large x, e**x."""
    real = x.type
    n, r = _reduced(b, x)
    first, second = _halves(b, n)
    less, power = _exp_less_1(b, r, precise=True), b.fmul(first, second)
    y = b.fadd(b.fmul(less, power, flags=CONTRACT), b.fsub(power, real(1.0)), flags=CONTRACT)
    large = b.fmul(b.fmul(b.fadd(less, real(1.0)), first), second)
    y = b.select(b.fcmp_ordered(">", x, real(60.0)), large, y)
    # A zero keeps its sign, and NaN stays NaN.
    itself = b.or_(b.fcmp_ordered("==", x, real(0.0)), b.fcmp_unordered("uno", x, x))
    return b.select(itself, x, y)


def tanh(b: ir.IRBuilder, x: Any) -> Any:
    """Tanh x: near 0 a polynomial or a rational function, elsewhere 1 - 2 / (e**(2 |x|) + 1)."""
    real, square = x.type, b.fmul(x, x)
    size = intrinsic(b, "fabs", x)
    if str(real) == "float":
        share = polynomial(b, square, _TANH_FLOAT)
    else:
        share = b.fdiv(polynomial(b, square, _TANH_P), polynomial(b, square, _TANH_Q))
    near = b.fadd(x, b.fmul(b.fmul(share, square), x), flags=CONTRACT)
    grown = b.fadd(exp(b, b.fmul(size, real(2.0))), real(1.0))
    far = b.fsub(real(1.0), b.fdiv(real(2.0), grown))
    y = b.select(b.fcmp_ordered("<", size, real(0.625)), near, far)
    return intrinsic(b, "copysign", y, x)


def _split(b: ir.IRBuilder, x: Any) -> tuple[Any, Any]:
    """M from sqrt(1/2) to sqrt(2) and e, a whole number, with x = m 2**e; x positive."""
    kind, real = str(x.type), x.type
    *_, width, shift, _ = _EXP[kind]
    least, scale, digits = _LOG[kind]
    integer = ir.IntType(width)
    small = b.fcmp_ordered("<", x, real(least))
    bits = b.bitcast(b.select(small, b.fmul(x, real(scale)), x), integer)
    # The exponent, for a mantissa that starts at sqrt(1/2).
    over = b.sub(bits, b.bitcast(real(2.0**-0.5), integer))
    whole = b.ashr(over, integer(shift))
    part = b.bitcast(b.sub(bits, b.shl(whole, integer(shift))), real)
    exponent = b.sitofp(whole, real)
    return part, b.select(small, b.fsub(exponent, real(float(digits))), exponent)


def log(b: ir.IRBuilder, x: Any) -> Any:
    """Ln x = e ln 2 + ln m, by a polynomial or a rational function of m - 1."""
    real = x.type
    m, e = _split(b, x)
    d = b.fsub(m, real(1.0))
    square = b.fmul(d, d)
    if str(real) == "float":
        y = b.fmul(b.fmul(polynomial(b, d, _LOG_FLOAT), d), square)
    else:
        share = b.fdiv(polynomial(b, d, _LOG_P), polynomial(b, d, _LOG_Q))
        y = b.fmul(d, b.fmul(square, share))
    y = b.fadd(y, b.fmul(e, real(-2.121944400546905827679e-4)))
    y = b.fsub(y, b.fmul(square, real(0.5)))
    y = b.fadd(b.fadd(d, y), b.fmul(e, real(0.693359375)))
    infinity = real(float("inf"))
    y = b.select(b.fcmp_ordered("==", x, infinity), infinity, y)
    y = b.select(b.fcmp_ordered("==", x, real(0.0)), real(float("-inf")), y)
    return b.select(b.fcmp_unordered("<", x, real(0.0)), real(float("nan")), y)


def log1p(b: ir.IRBuilder, x: Any) -> Any:
    """Ln(1 + x) = ln u - ((u - 1) - x) / u with u = 1 + x rounded."""
    real = x.type
    u = b.fadd(x, real(1.0))
    lost = b.fdiv(b.fsub(b.fsub(u, real(1.0)), x), u)
    y = b.fsub(log(b, u), lost)
    edge = b.or_(b.fcmp_ordered("==", u, real(0.0)), b.fcmp_ordered("==", u, real(float("inf"))))
    y = b.select(edge, log(b, u), y)
    return b.select(b.fcmp_ordered("==", x, real(0.0)), x, y)
