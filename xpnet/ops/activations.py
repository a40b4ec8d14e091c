"""Activation functions, stable over the whole float range."""

from typing import Any

from xpnet.ops.record import Op
from xpnet.typing import Namespace

__all__ = ["LOG_SOFTMAX", "RELU", "SIGMOID", "SOFTMAX", "TANH"]


def relu(xp: Namespace, x: Any) -> Any:
    """y = max(x, 0)."""
    return xp.maximum(x, xp.zeros_like(x))


def relu_vjp(xp: Namespace, gy: Any, y: Any) -> Any:
    """gx = gy [y > 0]: the subgradient at 0 is 0."""
    return xp.multiply(gy, xp.astype(y > 0, gy.dtype))


def sigmoid(xp: Namespace, x: Any) -> Any:
    """y = 1 / (1 + e**-x), as e**min(x, 0) / (1 + e**-|x|), which cannot overflow."""
    return xp.exp(xp.minimum(x, xp.zeros_like(x))) / (1 + xp.exp(-xp.abs(x)))


def sigmoid_vjp(xp: Namespace, gy: Any, y: Any) -> Any:
    """gx = gy y (1 - y)."""
    return gy * y * (1 - y)


def tanh(xp: Namespace, x: Any) -> Any:
    """y = tanh x."""
    return xp.tanh(x)


def tanh_vjp(xp: Namespace, gy: Any, y: Any) -> Any:
    """gx = gy (1 - y**2)."""
    return gy * (1 - y * y)


def softmax(xp: Namespace, x: Any) -> Any:
    """y_k = e**(x_k - max x) / sum_j e**(x_j - max x), over the last axis."""
    e = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
    return e / xp.sum(e, axis=-1, keepdims=True)


def softmax_vjp(xp: Namespace, gy: Any, y: Any) -> Any:
    """gx = y (gy - sum_j gy_j y_j)."""
    return y * (gy - xp.sum(gy * y, axis=-1, keepdims=True))


def log_softmax(xp: Namespace, x: Any) -> Any:
    """y_k = s_k - ln sum_j e**s_j with s = x - max x, over the last axis."""
    s = x - xp.max(x, axis=-1, keepdims=True)
    return s - xp.log(xp.sum(xp.exp(s), axis=-1, keepdims=True))


def log_softmax_vjp(xp: Namespace, gy: Any, y: Any) -> Any:
    """gx = gy - e**y sum_j gy_j."""
    return gy - xp.exp(y) * xp.sum(gy, axis=-1, keepdims=True)


RELU = Op("relu", "(...)->(...)", relu, [relu_vjp])
SIGMOID = Op("sigmoid", "(...)->(...)", sigmoid, [sigmoid_vjp])
TANH = Op("tanh", "(...)->(...)", tanh, [tanh_vjp])
SOFTMAX = Op("softmax", "(...,k)->(...,k)", softmax, [softmax_vjp])
LOG_SOFTMAX = Op("log_softmax", "(...,k)->(...,k)", log_softmax, [log_softmax_vjp])
