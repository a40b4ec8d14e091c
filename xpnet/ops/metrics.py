"""Metrics: one value per sample, without a gradient."""

from typing import Any

from xpnet.ops.gather import is_row
from xpnet.ops.record import Op
from xpnet.typing import Namespace

__all__ = [
    "ACCURACY",
    "BINARY_ACCURACY",
    "SOFT_ACCURACY",
    "SOFT_TOP_K_ACCURACY",
    "TOP_K_ACCURACY",
]


def accuracy(xp: Namespace, z: Any, labels: Any) -> Any:
    """y = 1 where the largest logit is the label's, else 0; 0 where a logit is NaN."""
    most = xp.max(z, axis=-1)
    return xp.astype((xp.argmax(z, axis=-1) == labels) & (most == most), z.dtype)


def soft_accuracy(xp: Namespace, z: Any, t: Any) -> Any:
    """y = 1 where the largest logit and target agree, else 0; 0 where a logit is NaN."""
    return accuracy(xp, z, xp.argmax(t, axis=-1))


def binary_accuracy(xp: Namespace, z: Any, t: Any, *, threshold: float = 0.0) -> Any:
    """y = share of the columns in which (z > threshold) = (t > 1/2), and z is not NaN."""
    return xp.mean(xp.astype(((z > threshold) == (t > 0.5)) & (z == z), z.dtype), axis=-1)


def top_k_accuracy(xp: Namespace, z: Any, labels: Any, *, top: int) -> Any:
    """y = 1 where fewer than `top` other logits are not below the label's, else 0; 0 for a label
    that is not a class.
    """
    own = is_row(xp, labels, z.shape[-1])
    mine = xp.sum(xp.where(own, z, xp.zeros_like(z)), axis=-1, keepdims=True)
    # NaN is not below any number, and no number is below NaN: all classes count, and z != z.
    rivals = xp.sum(xp.astype(~(own | (z < mine)), z.dtype), axis=-1)
    known = xp.sum(xp.astype(own & (z == z), z.dtype), axis=-1)
    return xp.astype(rivals < top, z.dtype) * known


def soft_top_k_accuracy(xp: Namespace, z: Any, t: Any, *, top: int) -> Any:
    """y = 1 where the class of the largest target is among the `top` largest logits, else 0."""
    return top_k_accuracy(xp, z, xp.argmax(t, axis=-1), top=top)


ACCURACY = Op("accuracy", "(...,k),(...)->(...)", accuracy, [None, None], integers=("labels",))
SOFT_ACCURACY = Op("soft_accuracy", "(...,k),(...,k)->(...)", soft_accuracy, [None, None])
BINARY_ACCURACY = Op("binary_accuracy", "(...,k),(...,k)->(...)", binary_accuracy, [None, None])
TOP_K_ACCURACY = Op(
    "top_k_accuracy", "(...,c),(...)->(...)", top_k_accuracy, [None, None], integers=("labels",)
)
SOFT_TOP_K_ACCURACY = Op(
    "soft_top_k_accuracy", "(...,c),(...,c)->(...)", soft_top_k_accuracy, [None, None]
)
