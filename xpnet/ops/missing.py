"""Missing values, which are NaN, and rounding down to whole numbers."""

from typing import Any

from xpnet.ops.record import Op
from xpnet.typing import Namespace

__all__ = ["FILL_NAN", "FLOOR", "IS_NAN"]


def is_nan(xp: Namespace, x: Any) -> Any:
    """y = [x is NaN]."""
    return xp.astype(x != x, x.dtype)


def fill_nan(xp: Namespace, x: Any, v: Any) -> Any:
    """y = v where x is NaN, else x."""
    return xp.where(x == x, x, v)


def fill_nan_vjp_x(xp: Namespace, gy: Any, x: Any) -> Any:
    """gx = gy [x is not NaN]."""
    return xp.where(x == x, gy, xp.zeros_like(gy))


def fill_nan_vjp_v(xp: Namespace, gy: Any, x: Any) -> Any:
    """gv = gy [x is NaN]."""
    return xp.where(x != x, gy, xp.zeros_like(gy))


def floor(xp: Namespace, x: Any) -> Any:
    """y = the largest whole number that is at most x."""
    return xp.floor(x)


def floor_vjp(xp: Namespace, gy: Any) -> Any:
    """gx = 0: a step is flat, so no gradient passes through it."""
    return xp.zeros_like(gy)


IS_NAN = Op("is_nan", "(...)->(...)", is_nan, [None])
FILL_NAN = Op(
    "fill_nan", "(...),(...)->(...)", fill_nan, [fill_nan_vjp_x, fill_nan_vjp_v], broadcast=True
)
FLOOR = Op("floor", "(...)->(...)", floor, [floor_vjp])
