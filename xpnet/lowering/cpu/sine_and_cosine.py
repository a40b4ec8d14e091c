"""Sine and cosine; see `maths.py` for their source.

The argument is reduced in float64: x = n pi/2 + r, with pi/2 in three parts, the first two short
enough that their products with n are exact for |n| < 2**26, and for any n if the processor rounds
a product and a sum once. In float64 the results are good to a few units in the last place up to
|x| = 2**26, then their errors grow with |x|. In float32 they are good for all |x| < 2**26, and up
to 2**50 on such a processor.
"""

from typing import Any

from llvmlite import ir

from xpnet.lowering.cpu.maths import CONTRACT, intrinsic, polynomial

__all__ = ["cos", "sin"]

_TWO_OVER_PI = 0.636619772367581343076
_HALF_PI = (1.57079625129699707031, 7.54978941586159635336e-8, 5.39030285815811905290e-15)
_SIN_FLOAT = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS_FLOAT = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_SIN = (
    1.58962301576546568060e-10,
    -2.50507477628578072866e-8,
    2.75573136213857245213e-6,
    -1.98412698295895385996e-4,
    8.33333333332211858878e-3,
    -1.66666666666666307295e-1,
)
_COS = (
    -1.13585365213876817300e-11,
    2.08757008419747316778e-9,
    -2.75573141792967388112e-7,
    2.48015872888517045348e-5,
    -1.38888888888730564116e-3,
    4.16666666666665929218e-2,
)


def _quarter_turns(b: ir.IRBuilder, x: Any) -> tuple[Any, Any]:
    """The whole number n of quarter turns nearest to x, in float64, and the remainder, in x's type.

    Where |x| is so large that the remainder is not known, it is kept within [-1, 1].
    """
    real = ir.DoubleType()
    wide = x if x.type == real else b.fpext(x, real)
    n = intrinsic(b, "rint", b.fmul(wide, real(_TWO_OVER_PI)))
    r = wide
    for part in _HALF_PI:
        r = b.fsub(r, b.fmul(n, real(part), flags=CONTRACT), flags=CONTRACT)
    r = b.select(b.fcmp_ordered(">", r, real(1.0)), real(1.0), r)  # NaN stays NaN
    r = b.select(b.fcmp_ordered("<", r, real(-1.0)), real(-1.0), r)
    return n, r if x.type == real else b.fptrunc(r, x.type)


def _within_a_quarter(b: ir.IRBuilder, r: Any) -> tuple[Any, Any]:
    """The sine and the cosine of a remainder."""
    real, square = r.type, b.fmul(r, r)
    narrow = str(real) == "float"
    odd = polynomial(b, square, _SIN_FLOAT if narrow else _SIN)
    even = polynomial(b, square, _COS_FLOAT if narrow else _COS)
    sine = b.fadd(b.fmul(b.fmul(odd, square), r, flags=CONTRACT), r, flags=CONTRACT)
    most = b.fsub(real(1.0), b.fmul(square, real(0.5)))
    return sine, b.fadd(b.fmul(b.fmul(even, square), square, flags=CONTRACT), most, flags=CONTRACT)


def _turned(b: ir.IRBuilder, n: Any, sine: Any, cosine: Any) -> Any:
    """The sine of n quarter turns and a remainder, whose sine and cosine are given."""
    real = n.type
    whole = intrinsic(b, "floor", b.fmul(n, real(0.25)))
    quarter = b.fsub(n, b.fmul(whole, real(4.0)))  # 0, 1, 2 or 3
    odd = b.or_(*(b.fcmp_ordered("==", quarter, real(q)) for q in (1.0, 3.0)))
    y = b.select(odd, cosine, sine)
    return b.select(b.fcmp_ordered(">=", quarter, real(2.0)), b.fneg(y), y)


def sin(b: ir.IRBuilder, x: Any) -> Any:
    """Sin x: plus or minus the sine or the cosine of the remainder."""
    n, r = _quarter_turns(b, x)
    y = _turned(b, n, *_within_a_quarter(b, r))
    return b.select(b.fcmp_ordered("==", x, x.type(0.0)), x, y)  # a zero keeps its sign


def cos(b: ir.IRBuilder, x: Any) -> Any:
    """Cos x = sin(x + pi/2)."""
    n, r = _quarter_turns(b, x)
    return _turned(b, b.fadd(n, n.type(1.0)), *_within_a_quarter(b, r))
