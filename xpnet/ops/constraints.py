"""Projections of weights onto a constraint, applied after an update."""

from typing import Any

from xpnet.ops.record import Op
from xpnet.ops.reduce import normal_axes
from xpnet.typing import Namespace, Shape

__all__ = ["MAX_NORM", "UNIT_NORM"]


def same_shape(shapes: list[Shape], *, axis: int = -2, **_: float) -> Shape:
    """The same shape; it must have the axis."""
    normal_axes(axis, len(shapes[0]))
    return shapes[0]


def _scaled(xp: Namespace, x: Any, axis: int) -> tuple[Any, Any, Any]:
    """u = x / s with s = max |x|, s, and |u|, the Euclidean norm over the axis (kept as 1).

    The squares of u neither overflow nor vanish, and |u| is at least 1. Where s is 0, infinite or
    NaN, u = x, and |u| is 1, infinite or NaN.
    """
    largest = xp.max if x.shape[axis] else xp.sum  # an empty axis has no maximum, but a sum of 0
    s = largest(xp.abs(x), axis=axis, keepdims=True)
    s = xp.where((s > 0) & xp.isfinite(s), s, xp.ones_like(s))
    u = x / s
    return u, s, xp.maximum(xp.sqrt(xp.sum(u * u, axis=axis, keepdims=True)), xp.ones_like(s))


def max_norm(xp: Namespace, x: Any, *, limit: float, axis: int = -2) -> Any:
    """y = x min(1, limit / |x|)."""
    u, s, norm = _scaled(xp, x, axis)
    most = limit / norm  # the limit of s, since |x| = s |u|
    return xp.where(s <= most, x, u * most)


def unit_norm(xp: Namespace, x: Any, *, axis: int = -2) -> Any:
    """y = x / |x|, and 0 where |x| = 0."""
    u, _, norm = _scaled(xp, x, axis)
    return u / norm


MAX_NORM = Op("max_norm", "(...,n,k)->(...,n,k)", max_norm, [None], infer=same_shape)
UNIT_NORM = Op("unit_norm", "(...,n,k)->(...,n,k)", unit_norm, [None], infer=same_shape)
