"""Elementwise losses of a residual d (output minus target) or of a cross-entropy c."""

from typing import Any

from xpnet.ops.record import Op
from xpnet.typing import Namespace

__all__ = ["FOCAL", "HUBER", "LOG_COSH", "PINBALL"]

_ELEMENTWISE = "(...)->(...)"


def huber(xp: Namespace, d: Any, *, delta: float) -> Any:
    """y = m (|d| - m / 2) with m = min(|d|, delta): d**2 / 2 near 0, a line far from it."""
    size = xp.abs(d)
    m = xp.minimum(size, delta)
    return m * (size - m * 0.5)


def huber_vjp(xp: Namespace, gy: Any, d: Any, *, delta: float) -> Any:
    """gd = gy min(max(d, -delta), delta)."""
    return gy * xp.minimum(xp.maximum(d, -delta), delta)


def log_cosh(xp: Namespace, d: Any) -> Any:
    """y = ln cosh d = |d| + ln(1 + q / 2) with q = e**(-2 |d|) - 1; where |d| < 1, as
    ln(1 + 2 sinh(d / 2)**2) = ln(1 + w**2 / (2 + 2 w)) with w = e**|d| - 1, which does not cancel.
    """
    size = xp.abs(d)
    w = xp.expm1(xp.minimum(size, 1.0))
    near = xp.log1p(w * w / (2 + 2 * w))
    return xp.where(size < 1, near, size + xp.log1p(xp.expm1(size * -2) * 0.5))


def log_cosh_vjp(xp: Namespace, gy: Any, d: Any) -> Any:
    """gd = gy tanh d."""
    return gy * xp.tanh(d)


def pinball(xp: Namespace, d: Any, *, quantile: float) -> Any:
    """y = q d where d >= 0, else (q - 1) d."""
    return xp.where(d >= 0, d * quantile, d * (quantile - 1))


def pinball_vjp(xp: Namespace, gy: Any, d: Any, *, quantile: float) -> Any:
    """gd = gy q where d >= 0, else gy (q - 1)."""
    return xp.where(d >= 0, gy * quantile, gy * (quantile - 1))


def focal(xp: Namespace, c: Any, *, gamma: float) -> Any:
    """y = (1 - e**-c)**gamma c, for c >= 0."""
    return (-xp.expm1(-c)) ** gamma * c


def focal_vjp(xp: Namespace, gy: Any, c: Any, *, gamma: float) -> Any:
    """gc = gy q**gamma (1 + gamma p c / q) with p = e**-c and q = 1 - p; p c / q -> 1 at c = 0."""
    p, q = xp.exp(-c), -xp.expm1(-c)
    one = xp.ones_like(c)
    share = xp.where(p == 0, xp.zeros_like(c), c) * p / xp.where(q == 0, one, q)
    return gy * q**gamma * (1 + gamma * xp.where(q == 0, one, share))


HUBER = Op("huber", _ELEMENTWISE, huber, [huber_vjp])
LOG_COSH = Op("log_cosh", _ELEMENTWISE, log_cosh, [log_cosh_vjp])
PINBALL = Op("pinball", _ELEMENTWISE, pinball, [pinball_vjp])
FOCAL = Op("focal", _ELEMENTWISE, focal, [focal_vjp])
