"""Mean 0 and variance 1: over each sample's features, or over the samples of a batch. The squares
of x - mean must have a finite sum (in float32: |x - mean| < 1e19 / sqrt(count)). Otherwise y and r
are 0: scaling x down first would take 1.6 times as long.
"""

from typing import Any

from xpnet.ops.record import Op
from xpnet.typing import Namespace

__all__ = ["STANDARDIZE_BATCH", "STANDARDIZE_FEATURES"]


def _standardize(xp: Namespace, x: Any, axis: int, epsilon: float) -> tuple[Any, Any]:
    """y = (x - mean x) r with r = (mean (x - mean x)**2 + epsilon)**(-1/2), over one axis."""
    centered = x - xp.mean(x, axis=axis, keepdims=True)
    r = 1 / xp.sqrt(xp.mean(centered * centered, axis=axis) + epsilon)
    return centered * xp.expand_dims(r, axis=axis), r


def _standardize_vjp(xp: Namespace, gy: Any, y: Any, r: Any, axis: int) -> Any:
    """gx = r (gy - mean gy - y mean(gy y))."""
    along_one = xp.mean(gy, axis=axis, keepdims=True)
    along_y = xp.mean(gy * y, axis=axis, keepdims=True)
    return xp.expand_dims(r, axis=axis) * (gy - along_one - y * along_y)


def standardize_features(xp: Namespace, x: Any, *, epsilon: float = 1e-5) -> tuple[Any, Any]:
    """y = (x - mean) r over the last axis; saved: r = 1 / sqrt(variance + epsilon)."""
    return _standardize(xp, x, -1, epsilon)


def standardize_features_vjp(xp: Namespace, gy: Any, y: Any, r: Any) -> Any:
    """gx = r (gy - mean gy - y mean(gy y))."""
    return _standardize_vjp(xp, gy, y, r, -1)


def standardize_batch(xp: Namespace, x: Any, *, epsilon: float = 1e-5) -> tuple[Any, Any]:
    """y = (x - mean) r over the first axis; saved: r = 1 / sqrt(variance + epsilon)."""
    return _standardize(xp, x, 0, epsilon)


def standardize_batch_vjp(xp: Namespace, gy: Any, y: Any, r: Any) -> Any:
    """gx = r (gy - mean gy - y mean(gy y))."""
    return _standardize_vjp(xp, gy, y, r, 0)


STANDARDIZE_FEATURES = Op(
    "standardize_features",
    "(...,k)->(...,k);(...)",
    standardize_features,
    [standardize_features_vjp],
)
STANDARDIZE_BATCH = Op(
    "standardize_batch", "(n,k)->(n,k);(k)", standardize_batch, [standardize_batch_vjp]
)
