"""Reductions, and the sum that undoes a broadcast."""

from operator import index
from typing import Any

from xpnet.errors import ShapeError
from xpnet.ops.op_settings import Axis
from xpnet.ops.record import Op
from xpnet.typing import Namespace, Shape, size_of

__all__ = [
    "MAX",
    "MEAN",
    "SUM",
    "SUM_SQUARES",
    "SUM_TO",
    "WEIGHTED_MEAN",
    "normal_axes",
    "sum_to_axes",
]


def normal_axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes as non-negative integers; None means all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = [index(a) for a in (axis if isinstance(axis, tuple | list) else (axis,))]
    if any(not -ndim <= a < ndim for a in axes):
        raise ShapeError(f"axis {axis} does not exist in an array of {ndim} dimensions.")
    distinct = {a % ndim for a in axes}
    if len(distinct) < len(axes):
        raise ShapeError(f"axis {axis} repeats a dimension.")
    return tuple(sorted(distinct))


def reduced_shape(shapes: list[Shape], *, axis: Axis = None, keepdims: bool = False) -> Shape:
    """Shape of a reduction's result."""
    axes = normal_axes(axis, len(shapes[0]))
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shapes[0]))
    return tuple(n for i, n in enumerate(shapes[0]) if i not in axes)


def sum_(xp: Namespace, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """y = sum of x over the axes."""
    return xp.sum(x, axis=axis, keepdims=keepdims)


def sum_vjp(xp: Namespace, gy: Any, *, axis: Axis, keepdims: bool, x_shape: Shape) -> Any:
    """gx = gy for every element that was summed."""
    kept = reduced_shape([x_shape], axis=axis, keepdims=True)
    return xp.broadcast_to(xp.reshape(gy, kept), x_shape)


def mean(xp: Namespace, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """y = sum of x over the axes, divided by their number of elements."""
    return xp.mean(x, axis=axis, keepdims=keepdims)


def mean_vjp(xp: Namespace, gy: Any, *, axis: Axis, keepdims: bool, x_shape: Shape) -> Any:
    """gx = gy / n for every element that was averaged."""
    n = size_of([x_shape[i] for i in normal_axes(axis, len(x_shape))])
    return sum_vjp(xp, gy / n, axis=axis, keepdims=keepdims, x_shape=x_shape)


def largest_shape(shapes: list[Shape], **settings: Any) -> Shape:
    """Shape of a reduction's result; there must be elements to choose from."""
    result = reduced_shape(shapes, **settings)
    if 0 in shapes[0] and 0 not in result:
        raise ShapeError(f"an array of shape {shapes[0]} has no largest element.")
    return result


def sum_squares(xp: Namespace, x: Any) -> Any:
    """y = sum of x**2 over all elements."""
    return xp.sum(x * x)


def sum_squares_vjp(xp: Namespace, gy: Any, x: Any) -> Any:
    """gx = 2 gy x."""
    return (2 * gy) * x


def max_(xp: Namespace, x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """y = the largest x over the axes."""
    return xp.max(x, axis=axis, keepdims=keepdims)


def max_vjp(xp: Namespace, gy: Any, y: Any, x: Any, *, axis: Axis) -> Any:
    """gx = gy / n for the n elements that are the largest, 0 for the others."""
    kept = reduced_shape([x.shape], axis=axis, keepdims=True)
    largest = xp.astype(x == xp.reshape(y, kept), gy.dtype)
    number = xp.sum(largest, axis=axis, keepdims=True)
    return largest * (xp.reshape(gy, kept) / number)


def sum_to_axes(have: Shape, want: Shape) -> tuple[int, ...]:
    """The axes along which an array of shape `want` was repeated to give shape `have`."""
    lead = len(have) - len(want)
    return tuple(i for i, n in enumerate(have) if i < lead or (want[i - lead] == 1 and n != 1))


def sum_to_shape(shapes: list[Shape], *, shape: Shape) -> Shape:
    """The requested shape; it must broadcast to the input's shape."""
    have = shapes[0]
    lead = len(have) - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, have[lead:], strict=True)):
        raise ShapeError(f"sum_to: shape {shape} does not broadcast to {have}.")
    return shape


def sum_to(xp: Namespace, x: Any, *, shape: Shape) -> Any:
    """y = x summed over the axes along which `shape` was broadcast."""
    axes = sum_to_axes(x.shape, shape)
    return xp.reshape(xp.sum(x, axis=axes, keepdims=x.ndim == len(shape)), shape)


def sum_to_vjp(xp: Namespace, gy: Any, *, x_shape: Shape) -> Any:
    """gx = gy, broadcast to the shape of x."""
    return xp.broadcast_to(gy, x_shape)


def weighted_mean(xp: Namespace, x: Any, w: Any) -> Any:
    """y = sum_n w_n x_n / sum_n w_n, where 0 x_n = 0 even for infinite x_n; 0 if all w_n are."""
    total = xp.sum(w)
    terms = xp.where(w == 0, xp.zeros_like(x), w * x)
    return xp.sum(terms) / xp.where(total == 0, xp.ones_like(total), total)


def weighted_mean_vjp_x(xp: Namespace, gy: Any, w: Any) -> Any:
    """gx_n = gy w_n / sum_m w_m."""
    total = xp.sum(w)
    return w * (gy / xp.where(total == 0, xp.ones_like(total), total))


SUM = Op("sum", "(...)->(...)", sum_, [sum_vjp], infer=reduced_shape)
MEAN = Op("mean", "(...)->(...)", mean, [mean_vjp], infer=reduced_shape)
SUM_SQUARES = Op("sum_squares", "(...)->()", sum_squares, [sum_squares_vjp], infer=reduced_shape)
MAX = Op("max", "(...)->(...)", max_, [max_vjp], infer=largest_shape)
SUM_TO = Op("sum_to", "(...)->(...)", sum_to, [sum_to_vjp], infer=sum_to_shape)
WEIGHTED_MEAN = Op("weighted_mean", "(n),(n)->()", weighted_mean, [weighted_mean_vjp_x, None])
