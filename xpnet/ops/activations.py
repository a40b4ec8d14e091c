"""Activation functions, stable over the whole float range, with one exception. The gradients of
sigmoid and tanh are computed from y: they lose digits as |y| nears 1, and are 0 where |y| rounds
to 1 (in float32 from x = 17 and |x| = 10).

Functions that multiply their input by a gate (silu, gelu, mish) are in the module `gates`.
"""

from typing import Any

from xpnet.errors import ShapeError
from xpnet.ops.record import Op
from xpnet.typing import Namespace, Shape

__all__ = [
    "ELU",
    "HARD_SIGMOID",
    "HARD_TANH",
    "LEAKY_RELU",
    "LINEAR",
    "LOG_SIGMOID",
    "LOG_SOFTMAX",
    "PRELU",
    "RELU",
    "SELU",
    "SELU_ALPHA",
    "SELU_SCALE",
    "SIGMOID",
    "SOFTMAX",
    "SOFTPLUS",
    "SOFTSIGN",
    "STEP",
    "TANH",
]

# Klambauer, Unterthiner, Mayr and Hochreiter, "Self-normalizing neural networks", NeurIPS 2017.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805

# Finite, and 1 + x is x here in float64 too.
_HUGE = 1e18


def linear(xp: Namespace, x: Any, *, slope: float = 1.0) -> Any:
    """y = slope x."""
    return slope * x


def linear_vjp(xp: Namespace, gy: Any, *, slope: float) -> Any:
    """gx = slope gy."""
    return slope * gy


def step(xp: Namespace, x: Any, *, threshold: float = 0.0) -> Any:
    """y = [x >= threshold]: 1 or 0, and NaN for NaN."""
    return xp.where(x == x, xp.astype(x >= threshold, x.dtype), x)


def step_vjp(xp: Namespace, gy: Any) -> Any:
    """gx = 0: a step is flat, so no gradient passes through it."""
    return xp.zeros_like(gy)


def relu(xp: Namespace, x: Any) -> Any:
    """y = max(x, 0)."""
    return xp.maximum(x, xp.zeros_like(x))


def relu_vjp(xp: Namespace, gy: Any, y: Any) -> Any:
    """gx = gy [y > 0]: the subgradient at 0 is 0."""
    return xp.multiply(gy, xp.astype(y > 0, gy.dtype))


def leaky_relu(xp: Namespace, x: Any, *, slope: float = 0.01) -> Any:
    """y = max(x, 0) + slope min(x, 0)."""
    return xp.maximum(x, 0.0) + slope * xp.minimum(x, 0.0)


def leaky_relu_vjp(xp: Namespace, gy: Any, x: Any, *, slope: float) -> Any:
    """gx = gy ([x > 0] + slope [x <= 0])."""
    positive = xp.astype(x > 0, gy.dtype)
    return gy * (positive + slope * (1 - positive))


def prelu(xp: Namespace, x: Any, a: Any) -> Any:
    """y = max(x, 0) + a min(x, 0)."""
    return xp.maximum(x, 0.0) + a * xp.minimum(x, 0.0)


def prelu_vjp_x(xp: Namespace, gy: Any, x: Any, a: Any) -> Any:
    """gx = gy ([x > 0] + a [x <= 0])."""
    positive = xp.astype(x > 0, gy.dtype)
    return gy * (positive + a * (1 - positive))


def prelu_vjp_a(xp: Namespace, gy: Any, x: Any) -> Any:
    """ga = gy min(x, 0)."""
    return gy * xp.minimum(x, 0.0)


def _elu_slope(xp: Namespace, x: Any, alpha: float) -> Any:
    """[x > 0] + alpha e**x [x <= 0]; not from y + alpha, which cancels far below 0."""
    positive = xp.astype(x > 0, x.dtype)
    return positive + alpha * (xp.exp(xp.minimum(x, 0.0)) - positive)


def elu(xp: Namespace, x: Any, *, alpha: float = 1.0) -> Any:
    """y = max(x, 0) + alpha (e**min(x, 0) - 1)."""
    return xp.maximum(x, 0.0) + alpha * xp.expm1(xp.minimum(x, 0.0))


def elu_vjp(xp: Namespace, gy: Any, x: Any, *, alpha: float) -> Any:
    """gx = gy ([x > 0] + alpha e**x [x <= 0])."""
    return gy * _elu_slope(xp, x, alpha)


def selu(xp: Namespace, x: Any) -> Any:
    """y = 1.0507 (max(x, 0) + 1.6733 (e**min(x, 0) - 1))."""
    return SELU_SCALE * elu(xp, x, alpha=SELU_ALPHA)


def selu_vjp(xp: Namespace, gy: Any, x: Any) -> Any:
    """gx = 1.0507 gy ([x > 0] + 1.6733 e**x [x <= 0])."""
    return gy * (SELU_SCALE * _elu_slope(xp, x, SELU_ALPHA))


def sigmoid(xp: Namespace, x: Any) -> Any:
    """y = 1 / (1 + e**-x), as e**min(x, 0) / (1 + e**-|x|), which cannot overflow."""
    return xp.exp(xp.minimum(x, xp.zeros_like(x))) / (1 + xp.exp(-xp.abs(x)))


def sigmoid_vjp(xp: Namespace, gy: Any, y: Any) -> Any:
    """gx = gy y (1 - y)."""
    return gy * y * (1 - y)


def log_sigmoid(xp: Namespace, x: Any) -> Any:
    """y = -ln(1 + e**-x), as min(x, 0) - ln(1 + e**-|x|)."""
    return xp.minimum(x, 0.0) - xp.log1p(xp.exp(-xp.abs(x)))


def log_sigmoid_vjp(xp: Namespace, gy: Any, y: Any) -> Any:
    """gx = gy (1 - e**y)."""
    return -gy * xp.expm1(y)


def hard_sigmoid(xp: Namespace, x: Any) -> Any:
    """y = min(max(x / 6 + 1/2, 0), 1)."""
    return xp.minimum(xp.maximum(x / 6 + 0.5, 0.0), 1.0)


def hard_sigmoid_vjp(xp: Namespace, gy: Any, y: Any) -> Any:
    """gx = gy / 6 [0 < y < 1]."""
    return gy * (xp.astype(xp.abs(y - 0.5) < 0.5, gy.dtype) / 6)


def tanh(xp: Namespace, x: Any) -> Any:
    """y = tanh x."""
    return xp.tanh(x)


def tanh_vjp(xp: Namespace, gy: Any, y: Any) -> Any:
    """gx = gy (1 - y**2)."""
    return gy * (1 - y * y)


def hard_tanh(xp: Namespace, x: Any) -> Any:
    """y = min(max(x, -1), 1)."""
    return xp.minimum(xp.maximum(x, -1.0), 1.0)


def hard_tanh_vjp(xp: Namespace, gy: Any, y: Any) -> Any:
    """gx = gy [-1 < y < 1]."""
    return gy * xp.astype(xp.abs(y) < 1, gy.dtype)


def softplus(xp: Namespace, x: Any) -> Any:
    """y = ln(1 + e**x), as max(x, 0) + ln(1 + e**-|x|)."""
    return xp.maximum(x, 0.0) + xp.log1p(xp.exp(-xp.abs(x)))


def softplus_vjp(xp: Namespace, gy: Any, y: Any) -> Any:
    """gx = gy (1 - e**-y), which is gy / (1 + e**-x)."""
    return -gy * xp.expm1(-y)


def softsign(xp: Namespace, x: Any) -> Any:
    """y = x / (1 + |x|)."""
    bounded = xp.minimum(xp.maximum(x, -_HUGE), _HUGE)
    return bounded / (1 + xp.abs(bounded))


def softsign_vjp(xp: Namespace, gy: Any, x: Any) -> Any:
    """gx = gy / (1 + |x|)**2."""
    share = 1 / (1 + xp.abs(x))
    return gy * share * share


def classes_shape(shapes: list[Shape]) -> Shape:
    """The same shape, with at least one class along the last axis."""
    if not shapes[0] or not shapes[0][-1]:
        raise ShapeError(f"a softmax needs scores of shape (..., classes), got {shapes[0]}.")
    return shapes[0]


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


_UNARY = "(...)->(...)"
LINEAR = Op("linear", _UNARY, linear, [linear_vjp])
STEP = Op("step", _UNARY, step, [step_vjp])
RELU = Op("relu", _UNARY, relu, [relu_vjp])
LEAKY_RELU = Op("leaky_relu", _UNARY, leaky_relu, [leaky_relu_vjp])
PRELU = Op("prelu", "(...),(...)->(...)", prelu, [prelu_vjp_x, prelu_vjp_a], broadcast=True)
ELU = Op("elu", _UNARY, elu, [elu_vjp])
SELU = Op("selu", _UNARY, selu, [selu_vjp])
SIGMOID = Op("sigmoid", _UNARY, sigmoid, [sigmoid_vjp])
LOG_SIGMOID = Op("log_sigmoid", _UNARY, log_sigmoid, [log_sigmoid_vjp])
HARD_SIGMOID = Op("hard_sigmoid", _UNARY, hard_sigmoid, [hard_sigmoid_vjp])
TANH = Op("tanh", _UNARY, tanh, [tanh_vjp])
HARD_TANH = Op("hard_tanh", _UNARY, hard_tanh, [hard_tanh_vjp])
SOFTPLUS = Op("softplus", _UNARY, softplus, [softplus_vjp])
SOFTSIGN = Op("softsign", _UNARY, softsign, [softsign_vjp])
SOFTMAX = Op("softmax", "(...,k)->(...,k)", softmax, [softmax_vjp], infer=classes_shape)
LOG_SOFTMAX = Op(
    "log_softmax", "(...,k)->(...,k)", log_softmax, [log_softmax_vjp], infer=classes_shape
)
