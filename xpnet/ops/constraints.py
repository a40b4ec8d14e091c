"""Projections of weights onto what is allowed, for after an update."""

from typing import Any

from xpnet.ops.record import Op
from xpnet.ops.reduce import normal_axes
from xpnet.typing import Namespace, Shape

__all__ = ["MAX_NORM", "UNIT_NORM"]


def same_shape(shapes: list[Shape], *, axis: int = -2, **_: float) -> Shape:
    """The same shape, which must have the axis."""
    normal_axes(axis, len(shapes[0]))
    return shapes[0]


def _norm(xp: Namespace, x: Any, axis: int) -> Any:
    """|x|, the Euclidean norm over the axis, which is kept."""
    return xp.sqrt(xp.sum(x * x, axis=axis, keepdims=True))


def max_norm(xp: Namespace, x: Any, *, limit: float, axis: int = -2) -> Any:
    """y = x min(1, limit / |x|)."""
    norm = _norm(xp, x, axis)
    return x * (limit / xp.maximum(norm, xp.full_like(norm, limit)))


def unit_norm(xp: Namespace, x: Any, *, axis: int = -2) -> Any:
    """y = x / |x|, and 0 where |x| = 0."""
    norm = _norm(xp, x, axis)
    return x / xp.where(norm == 0, xp.ones_like(norm), norm)


MAX_NORM = Op("max_norm", "(...,n,k)->(...,n,k)", max_norm, [None], infer=same_shape)
UNIT_NORM = Op("unit_norm", "(...,n,k)->(...,n,k)", unit_norm, [None], infer=same_shape)
