"""Ops that move elements without changing them."""

from typing import Any

from xpnet.errors import ShapeError
from xpnet.ops.record import Op
from xpnet.typing import Namespace, Shape, size_of

__all__ = ["CONCAT", "RESHAPE"]


def reshaped(shapes: list[Shape], *, shape: Shape) -> Shape:
    """The new shape, with one -1 worked out from the number of elements."""
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
    """All lengths equal but along the axis, where they add up."""
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
    """y = the inputs one behind the other along the axis."""
    return xp.concat(xs, axis=axis)


def concat_vjp(xp: Namespace, gy: Any, *, axis: int, index: int, shapes: list[Shape]) -> Any:
    """gx_i = the part of gy that x_i filled."""
    at = axis % gy.ndim
    start = sum(s[at] for s in shapes[:index])
    part = slice(start, start + shapes[index][at])
    return gy[(slice(None),) * at + (part,) + (slice(None),) * (gy.ndim - at - 1)]


RESHAPE = Op("reshape", "(...)->(...)", reshape, [reshape_vjp], integers=None, infer=reshaped)
CONCAT = Op("concat", "(...)->(...)", concat, [concat_vjp], integers=None, infer=concat_shape)
