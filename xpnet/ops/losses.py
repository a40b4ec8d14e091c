"""Losses with one value per sample: on logits, stable for all of them, and on probabilities."""

from typing import Any

from xpnet.ops.activations import sigmoid
from xpnet.ops.gather import is_row
from xpnet.ops.record import Op
from xpnet.typing import Namespace

__all__ = [
    "BINARY_CROSS_ENTROPY",
    "BINARY_CROSS_ENTROPY_WITH_LOGITS",
    "CROSS_ENTROPY",
    "MEAN_SQUARED_ERROR",
    "SOFTMAX_CROSS_ENTROPY",
    "SOFT_CROSS_ENTROPY",
]

_LEAST_LOG = -100.0  # of a probability: 0 has a loss of 100, not an infinite one
_LEAST = 1e-12  # the smallest divisor of a gradient


def _shifted_softmax(xp: Namespace, z: Any) -> tuple[Any, Any, Any]:
    """s = z - max z, p = softmax z and ln sum_j e**s_j, over the last axis."""
    s = z - xp.max(z, axis=-1, keepdims=True)
    e = xp.exp(s)
    total = xp.sum(e, axis=-1, keepdims=True)
    return s, e / total, xp.log(total)


def softmax_cross_entropy(
    xp: Namespace, z: Any, labels: Any, *, smoothing: float = 0.0
) -> tuple[Any, Any]:
    """y = -ln softmax(z)[label] = ln sum_j e**s_j - s[label], for labels in [0, k); with
    smoothing, s[label] is mixed with that share of mean_j s_j; saved: p = softmax z.
    """
    s, p, log_total = _shifted_softmax(xp, z)
    picked = xp.where(is_row(xp, labels, z.shape[-1]), s, xp.zeros_like(s))
    own = xp.sum(picked, axis=-1)
    if smoothing:
        own = (1 - smoothing) * own + smoothing * xp.mean(s, axis=-1)
    return log_total[..., 0] - own, p


def softmax_cross_entropy_vjp(
    xp: Namespace, gy: Any, r: Any, labels: Any, *, smoothing: float
) -> Any:
    """gz = gy (p - one_hot(label)), for labels in [0, k); with smoothing, one_hot is mixed with
    that share of 1 / k.
    """
    target = xp.astype(is_row(xp, labels, r.shape[-1]), r.dtype)
    if smoothing:
        target = (1 - smoothing) * target + smoothing / r.shape[-1]
    return (r - target) * xp.expand_dims(gy, axis=-1)


def soft_cross_entropy(xp: Namespace, z: Any, t: Any) -> tuple[Any, Any]:
    """y = -sum_k t_k ln softmax(z)_k, where 0 ln 0 = 0; saved: p = softmax z."""
    s, p, log_total = _shifted_softmax(xp, z)
    terms = xp.where(t == 0, xp.zeros_like(s), t * (log_total - s))
    return xp.sum(terms, axis=-1), p


def soft_cross_entropy_vjp(xp: Namespace, gy: Any, r: Any, t: Any) -> Any:
    """gz = gy (p sum_k t_k - t)."""
    return (r * xp.sum(t, axis=-1, keepdims=True) - t) * xp.expand_dims(gy, axis=-1)


def binary_cross_entropy_with_logits(xp: Namespace, z: Any, t: Any) -> Any:
    """y = mean_k ln(1 + e**-|z|) + a |z|, with a = 1 - t where z > 0, else t, and 0 |z| = 0."""
    size = xp.abs(z)
    a = xp.where(z > 0, 1 - t, t)
    wrong = xp.where(a == 0, xp.zeros_like(z), a * size)
    return xp.mean(xp.log1p(xp.exp(-size)) + wrong, axis=-1)


def binary_cross_entropy_with_logits_vjp(xp: Namespace, gy: Any, z: Any, t: Any) -> Any:
    """gz = gy (sigmoid(z) - t) / k."""
    return (sigmoid(xp, z) - t) * (xp.expand_dims(gy, axis=-1) / z.shape[-1])


def binary_cross_entropy(xp: Namespace, p: Any, t: Any) -> Any:
    """y = mean_k of -t ln p - (1 - t) ln(1 - p), each logarithm at least -100."""
    yes, no = xp.maximum(xp.log(p), _LEAST_LOG), xp.maximum(xp.log1p(-p), _LEAST_LOG)
    return -xp.mean(t * yes + (1 - t) * no, axis=-1)


def binary_cross_entropy_vjp(xp: Namespace, gy: Any, p: Any, t: Any) -> Any:
    """gp = gy (p - t) / max(p (1 - p), 1e-12) / k."""
    share = xp.expand_dims(gy, axis=-1) / p.shape[-1]
    return (p - t) / xp.maximum(p * (1 - p), _LEAST) * share


def cross_entropy(xp: Namespace, p: Any, t: Any) -> Any:
    """y = -sum_k t_k ln p_k, each logarithm at least -100."""
    return -xp.sum(t * xp.maximum(xp.log(p), _LEAST_LOG), axis=-1)


def cross_entropy_vjp(xp: Namespace, gy: Any, p: Any, t: Any) -> Any:
    """gp = -gy t / max(p, 1e-12)."""
    return -t / xp.maximum(p, _LEAST) * xp.expand_dims(gy, axis=-1)


def mean_squared_error(xp: Namespace, a: Any, b: Any) -> tuple[Any, Any]:
    """y = mean_k (a_k - b_k)**2; saved: d = a - b."""
    d = a - b
    return xp.mean(d * d, axis=-1), d


def mean_squared_error_vjp_a(xp: Namespace, gy: Any, r: Any) -> Any:
    """ga = 2 gy d / k."""
    return r * (xp.expand_dims(gy, axis=-1) * (2 / max(r.shape[-1], 1)))


def mean_squared_error_vjp_b(xp: Namespace, gy: Any, r: Any) -> Any:
    """gb = -2 gy d / k."""
    return r * (xp.expand_dims(gy, axis=-1) * (-2 / max(r.shape[-1], 1)))


SOFTMAX_CROSS_ENTROPY = Op(
    "softmax_cross_entropy",
    "(...,k),(...)->(...);(...,k)",
    softmax_cross_entropy,
    [softmax_cross_entropy_vjp, None],
    integers=("labels",),
)
SOFT_CROSS_ENTROPY = Op(
    "soft_cross_entropy",
    "(...,k),(...,k)->(...);(...,k)",
    soft_cross_entropy,
    [soft_cross_entropy_vjp, None],
)
BINARY_CROSS_ENTROPY_WITH_LOGITS = Op(
    "binary_cross_entropy_with_logits",
    "(...,k),(...,k)->(...)",
    binary_cross_entropy_with_logits,
    [binary_cross_entropy_with_logits_vjp, None],
)
BINARY_CROSS_ENTROPY = Op(
    "binary_cross_entropy",
    "(...,k),(...,k)->(...)",
    binary_cross_entropy,
    [binary_cross_entropy_vjp, None],
)
CROSS_ENTROPY = Op(
    "cross_entropy", "(...,k),(...,k)->(...)", cross_entropy, [cross_entropy_vjp, None]
)
MEAN_SQUARED_ERROR = Op(
    "mean_squared_error",
    "(...,k),(...,k)->(...);(...,k)",
    mean_squared_error,
    [mean_squared_error_vjp_a, mean_squared_error_vjp_b],
)
