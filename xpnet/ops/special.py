"""The error function, which the Array API lacks.

Two of the three rational approximations of W. J. Cody, "Rational Chebyshev approximations for
the error function", Mathematics of Computation 23 (1969), 631-637: one near 0, one for the rest.
The second also replaces his third, above 4: there erfc x < 2e-8, and the relative error is below
1e-12 up to 6 and below 1e-7 up to 27, where erfc x leaves the range of float64.
"""

from math import pi, sqrt
from typing import Any

from xpnet.ops.record import Op
from xpnet.typing import Namespace

__all__ = ["ERF", "erfc"]

_NEAR = 0.46875
_NEAR_ABOVE = (
    1.85777706184603153e-1,
    3.16112374387056560e00,
    1.13864154151050156e02,
    3.77485237685302021e02,
    3.20937758913846947e03,
)
_NEAR_BELOW = (
    1.0,
    2.36012909523441209e01,
    2.44024637934444173e02,
    1.28261652607737228e03,
    2.84423683343917062e03,
)
_FAR = 30.0  # e**-(30**2) is 0 in float64
_FAR_ABOVE = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594e00,
    6.61191906371416295e01,
    2.98635138197400131e02,
    8.81952221241769090e02,
    1.71204761263407058e03,
    2.05107837782607147e03,
    1.23033935479799725e03,
)
_FAR_BELOW = (
    1.0,
    1.57449261107098347e01,
    1.17693950891312499e02,
    5.37181101862009858e02,
    1.62138957456669019e03,
    3.29079923573345963e03,
    4.36261909014324716e03,
    3.43936767414372164e03,
    1.23033935480374942e03,
)


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    """Horner's rule, the coefficient of the highest power first."""
    first, *others = coefficients
    value = first * x + others[0]
    for c in others[1:]:
        value = value * x + c
    return value


def _near(a: Any) -> Any:
    """erf a for 0 <= a <= 0.46875: a P(a**2) / Q(a**2)."""
    square = a * a
    return a * _polynomial(square, _NEAR_ABOVE) / _polynomial(square, _NEAR_BELOW)


def _far(xp: Namespace, a: Any) -> Any:
    """erfc a for a >= 0.46875: e**-(a**2) P(a) / Q(a)."""
    return xp.exp(-a * a) * (_polynomial(a, _FAR_ABOVE) / _polynomial(a, _FAR_BELOW))


def _both(xp: Namespace, a: Any) -> tuple[Any, Any, Any]:
    """Where a >= 0 is near 0; erf a for use there; erfc a for use elsewhere."""
    far = xp.minimum(xp.maximum(a, _NEAR), _FAR)
    return a < _NEAR, _near(xp.minimum(a, _NEAR)), _far(xp, far)


def erfc(xp: Namespace, x: Any) -> Any:
    """1 - erf x, without cancellation for large x."""
    near, erf_near, erfc_far = _both(xp, xp.abs(x))
    tail = xp.where(near, 1 - erf_near, erfc_far)
    return xp.where(x < 0, 2 - tail, tail)


def erf(xp: Namespace, x: Any) -> Any:
    """y = 2 / sqrt(pi) times the integral of e**-(t**2) from 0 to x."""
    near, erf_near, erfc_far = _both(xp, xp.abs(x))
    return xp.sign(x) * xp.where(near, erf_near, 1 - erfc_far)


def erf_vjp(xp: Namespace, gy: Any, x: Any) -> Any:
    """gx = gy 2 / sqrt(pi) e**-(x**2)."""
    return gy * (2 / sqrt(pi) * xp.exp(-x * x))


ERF = Op("erf", "(...)->(...)", erf, [erf_vjp])
