"""What a user reads beside the loss: one value a sample, no gradient."""

from typing import Any

from xpnet.ops.record import Op
from xpnet.typing import Namespace

__all__ = ["ACCURACY", "BINARY_ACCURACY", "SOFT_ACCURACY"]


def accuracy(xp: Namespace, z: Any, labels: Any) -> Any:
    """y = 1 where the largest logit is the label's, else 0."""
    return xp.astype(xp.argmax(z, axis=-1) == labels, z.dtype)


def soft_accuracy(xp: Namespace, z: Any, t: Any) -> Any:
    """y = 1 where the largest logit and the largest target agree, else 0."""
    return xp.astype(xp.argmax(z, axis=-1) == xp.argmax(t, axis=-1), z.dtype)


def binary_accuracy(xp: Namespace, z: Any, t: Any) -> Any:
    """y = share of the columns in which (z > 0) = (t > 1/2)."""
    return xp.mean(xp.astype((z > 0) == (t > 0.5), z.dtype), axis=-1)


ACCURACY = Op("accuracy", "(...,k),(...)->(...)", accuracy, [None, None], integers=("labels",))
SOFT_ACCURACY = Op("soft_accuracy", "(...,k),(...,k)->(...)", soft_accuracy, [None, None])
BINARY_ACCURACY = Op("binary_accuracy", "(...,k),(...,k)->(...)", binary_accuracy, [None, None])
