"""Activation functions that multiply their input by a gate: y = x g(x), with g from 0 to 1.

At -inf the gate is 0 and prevails: y = 0 with gradient 0. So the input is bounded before it is
multiplied by a gate that may be exactly 0 or 1.
"""

from math import pi, sqrt
from typing import Any

from xpnet.ops.activations import sigmoid
from xpnet.ops.record import Op
from xpnet.ops.special import erfc
from xpnet.typing import Namespace

__all__ = ["GELU", "GELU_TANH", "MISH", "SILU"]

_FAR = 1000.0  # every gate is 0 at -1000 and 1 at 1000, in float64 too
_CUBIC = 0.044715
_MISH_IS_X = 20.0  # its gate rounds to 1 from here on, in float64 too


def _bounded(xp: Namespace, x: Any) -> Any:
    """x in [-1000, 1000]."""
    return xp.minimum(xp.maximum(x, -_FAR), _FAR)


def silu(xp: Namespace, x: Any) -> Any:
    """y = x r; saved: r = 1 / (1 + e**-x)."""
    gate = sigmoid(xp, x)
    return xp.maximum(x, -_FAR) * gate, gate


def silu_vjp(xp: Namespace, gy: Any, y: Any, r: Any) -> Any:
    """gx = gy (r + y (1 - r))."""
    return gy * (r + xp.minimum(y, _FAR) * (1 - r))


def gelu(xp: Namespace, x: Any) -> Any:
    """y = x r; saved: r = (1 + erf(x / sqrt 2)) / 2, the normal distribution function of x."""
    gate = 0.5 * erfc(xp, -sqrt(0.5) * x)
    return xp.maximum(x, -_FAR) * gate, gate


def gelu_vjp(xp: Namespace, gy: Any, x: Any, r: Any) -> Any:
    """gx = gy (r + x e**(-x**2 / 2) / sqrt(2 pi))."""
    x = _bounded(xp, x)
    return gy * (r + x * (xp.exp(-0.5 * x * x) / sqrt(2 * pi)))


def gelu_tanh(xp: Namespace, x: Any) -> Any:
    """y = x r; saved: r = (1 + tanh u) / 2 with u = sqrt(2/pi) (x + 0.044715 x**3)."""
    z = _bounded(xp, x)
    gate = sigmoid(xp, 2 * sqrt(2 / pi) * z * (1 + _CUBIC * z * z))
    return xp.maximum(x, -_FAR) * gate, gate


def gelu_tanh_vjp(xp: Namespace, gy: Any, x: Any, r: Any) -> Any:
    """gx = gy (r + x r (1 - r) 2u') with u' = sqrt(2/pi) (1 + 3 0.044715 x**2)."""
    x = _bounded(xp, x)
    inner = 2 * sqrt(2 / pi) * (1 + 3 * _CUBIC * x * x)
    return gy * (r + x * r * (1 - r) * inner)


def mish(xp: Namespace, x: Any) -> Any:
    """y = x r; saved: r = tanh ln(1 + e**x) = w / (w + 2), where w = u (u + 2) and u = e**x."""
    u = xp.exp(xp.minimum(x, _MISH_IS_X))
    w = u * (u + 2)
    gate = w / (w + 2)
    return xp.maximum(x, -_FAR) * gate, gate


def mish_vjp(xp: Namespace, gy: Any, x: Any, r: Any) -> Any:
    """gx = gy (r + x r') with r' = u (u + 1) (2 / (w + 2))**2."""
    u = xp.exp(xp.minimum(x, _MISH_IS_X))
    rest = 2 / (u * (u + 2) + 2)  # 1 - r
    return gy * (r + _bounded(xp, x) * ((u * rest) * ((u + 1) * rest)))


_SIGNATURE = "(...)->(...);(...)"
SILU = Op("silu", _SIGNATURE, silu, [silu_vjp])
GELU = Op("gelu", _SIGNATURE, gelu, [gelu_vjp])
GELU_TANH = Op("gelu_tanh", _SIGNATURE, gelu_tanh, [gelu_tanh_vjp])
MISH = Op("mish", _SIGNATURE, mish, [mish_vjp])
