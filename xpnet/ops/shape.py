"""Ops that move elements without changing them."""

from operator import index
from typing import Any

from xpnet.errors import GraphError, ShapeError
from xpnet.ops.record import Op
from xpnet.ops.reduce import normal_axes
from xpnet.typing import Namespace, Shape, size_of

__all__ = ["CONCAT", "RESHAPE", "SLICE", "cuts", "part"]


def part(ndim: int, axis: int, start: int, stop: int) -> tuple[slice, ...]:
    """The index of ``start .. stop - 1`` along one axis, and of everything along the others."""
    at = axis % ndim
    return (slice(None),) * at + (slice(start, stop),) + (slice(None),) * (ndim - at - 1)


def reshaped(shapes: list[Shape], *, shape: Shape) -> Shape:
    """The new shape, with one -1 computed from the number of elements."""
    size, known = size_of(shapes[0]), size_of([n for n in shape if n != -1])
    free, wrong = shape.count(-1), any(n < -1 for n in shape)
    if wrong or free > 1 or (free and not known) or (size % known if free else size != known):
        raise ShapeError(f"reshape cannot turn shape {shapes[0]} ({size} elements) into {shape}.")
    return tuple(size // known if n == -1 else n for n in shape)


def reshape(xp: Namespace, x: Any, *, shape: Shape) -> Any:
    """y = the elements of x, in row-major order, in another shape."""
    return xp.reshape(x, shape)


def reshape_vjp(xp: Namespace, gy: Any, *, x_shape: Shape) -> Any:
    """gx = the elements of gy in the shape of x."""
    return xp.reshape(gy, x_shape)


def concat_shape(shapes: list[Shape], *, axis: int = -1) -> Shape:
    """The inputs' shape, with the sum of their lengths along the axis."""
    first = shapes[0]
    if not -len(first) <= axis < len(first):
        raise ShapeError(f"concat: axis {axis} does not exist in shape {first}.")
    at = axis % len(first)
    for other in shapes[1:]:
        if len(other) != len(first) or any(
            a != b for i, (a, b) in enumerate(zip(first, other, strict=True)) if i != at
        ):
            raise ShapeError(
                f"concat along axis {axis} expects equal shapes elsewhere, got "
                + " and ".join(map(str, shapes))
                + "."
            )
    return tuple(sum(s[i] for s in shapes) if i == at else n for i, n in enumerate(first))


def concat(xp: Namespace, *xs: Any, axis: int = -1) -> Any:
    """y = the inputs joined along the axis."""
    return xp.concat(xs, axis=axis)


def concat_vjp(xp: Namespace, gy: Any, *, axis: int, index: int, shapes: list[Shape]) -> Any:
    """gx_i = the part of gy that x_i filled."""
    at = axis % gy.ndim
    start = sum(s[at] for s in shapes[:index])
    return gy[part(gy.ndim, at, start, start + shapes[index][at])]


def bounds(length: int, start: int | None, stop: int | None) -> tuple[int, int]:
    """Start and stop by Python's rules (-1 is the last), within an axis of this length."""
    first, last, _ = slice(start, stop).indices(length)
    return first, max(first, last)


def sliced_shape(
    shapes: list[Shape], *, axis: int, start: int | None = None, stop: int | None = None
) -> Shape:
    """The input's shape, shorter along the axis."""
    (at,) = normal_axes(axis, len(shapes[0]))
    first, last = bounds(shapes[0][at], start, stop)
    return tuple(last - first if i == at else n for i, n in enumerate(shapes[0]))


def slice_(
    xp: Namespace, x: Any, *, axis: int, start: int | None = None, stop: int | None = None
) -> Any:
    """y = the part of x from start to before stop along the axis."""
    return x[part(x.ndim, axis, *bounds(x.shape[axis], start, stop))]


def slice_vjp(
    xp: Namespace, gy: Any, *, axis: int, start: int | None, stop: int | None, x_shape: Shape
) -> Any:
    """gx = gy at its position, with zeros around it."""
    first, last = bounds(x_shape[axis], start, stop)
    at, device = axis % len(x_shape), getattr(gy, "device", None)

    def zeros(length: int) -> Any:
        shape = tuple(length if i == at else n for i, n in enumerate(x_shape))
        return xp.zeros(shape, dtype=gy.dtype, device=device)

    return xp.concat([zeros(first), gy, zeros(x_shape[axis] - last)], axis=at)


def cuts(key: Any, shape: Shape) -> tuple[list[tuple[int, slice]], list[int]]:
    """The axes that an index such as ``[:, 2:5]`` cuts, with their slices, and the removed axes."""
    ndim = len(shape)
    keys = key if isinstance(key, tuple) else (key,)
    dots = [i for i, k in enumerate(keys) if k is ...]
    good = all(
        k is ... or _whole(k) or (isinstance(k, slice) and k.step in (None, 1) and _plain(k))
        for k in keys
    )
    if not good or len(dots) > 1 or len(keys) - len(dots) > ndim:
        raise GraphError(
            f"a symbolic value of {ndim} dimensions can be indexed by up to {ndim} whole numbers "
            "and slices without a step, such as [:, 0], [:, 2:5] or [..., :3]; use ops.concat to "
            "put several parts together, ops.reshape to add an axis, and ops.embedding to pick "
            "rows."
        )
    at = dots[0] if dots else len(keys)
    axes = [*range(at), *range(ndim - len(keys) + at + 1, ndim)]
    parts = [k for k in keys if k is not ...]
    pairs = list(zip(axes, parts, strict=False))
    found = [(i, _one(i, k, shape) if _whole(k) else k) for i, k in pairs]
    removed = [i for i, k in pairs if _whole(k)]
    return [(i, k) for i, k in found if k != slice(None)], removed


def _whole(key: Any) -> bool:
    """Whether an index is a whole number."""
    if isinstance(key, bool | slice):
        return False
    try:
        index(key)
    except TypeError:
        return False
    return True


def _one(axis: int, key: Any, shape: Shape) -> slice:
    """The slice that holds the element at a whole number."""
    at, length = index(key), shape[axis]
    if not -length <= at < length:
        raise ShapeError(f"index {at} is out of range for axis {axis} of shape {shape}.")
    return slice(at % length, at % length + 1)


def _plain(key: slice) -> bool:
    """Whether a slice's ends are whole numbers or missing."""
    return all(end is None or hasattr(end, "__index__") for end in (key.start, key.stop))


RESHAPE = Op("reshape", "(...)->(...)", reshape, [reshape_vjp], integers=None, infer=reshaped)
SLICE = Op("slice", "(...)->(...)", slice_, [slice_vjp], integers=None, infer=sliced_shape)
CONCAT = Op("concat", "(...)->(...)", concat, [concat_vjp], integers=None, infer=concat_shape)
