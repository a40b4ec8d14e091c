"""Table look-ups by index, and the encodings of indices."""

from typing import Any

from xpnet.backends import check_float, dtype_name, is_float
from xpnet.errors import DTypeError, ShapeError, in_brief
from xpnet.ops.record import Op
from xpnet.typing import Namespace, Shape, size_of

__all__ = ["AS_INDEX", "EMBEDDING", "ONE_HOT", "is_row"]

_MOST = {"int32": 2.0**31, "int64": 2.0**53}  # above 2**53, floats are whole numbers with gaps


def is_row(xp: Namespace, ids: Any, rows: int) -> Any:
    """True where the row has this index: shape (..., rows)."""
    device = getattr(ids, "device", None)
    return xp.expand_dims(ids, axis=-1) == xp.arange(rows, dtype=ids.dtype, device=device)


def one_hot_shape(shapes: list[Shape], *, classes: int, dtype: str = "float32") -> Shape:
    """One more axis, with an element for each class."""
    check_float(dtype)
    return (*shapes[0], classes)


def one_hot(xp: Namespace, labels: Any, *, classes: int, dtype: str = "float32") -> Any:
    """y_k = [k = label]; all 0 for a label that is not a class."""
    return xp.astype(is_row(xp, labels, classes), getattr(xp, check_float(dtype)))


def index_shape(shapes: list[Shape], *, dtype: str = "int64", whole: bool = False) -> Shape:
    """The same shape; the dtype must be an integer type."""
    if not isinstance(dtype, str) or dtype not in ("int32", "int64"):
        raise DTypeError(f"as_index: dtype must be 'int32' or 'int64', got {in_brief(dtype)}.")
    return shapes[0]


def as_index(xp: Namespace, x: Any, *, dtype: str = "int64", whole: bool = False) -> Any:
    """y = x as an integer, without its fraction, for indices given as floats; -1 for NaN, for
    numbers out of the range of integers, and with `whole` for numbers that have a fraction.
    """
    kind = getattr(xp, dtype)
    if not is_float(dtype_name(x.dtype)):
        return xp.astype(x, kind)
    small = xp.abs(x) < _MOST[dtype]
    found = xp.astype(xp.where(small, x, xp.full_like(x, -1.0)), kind)
    if not whole:
        return found
    return xp.where(xp.astype(found, x.dtype) == x, found, xp.full_like(found, -1))


def looked_up_shape(shapes: list[Shape]) -> Shape:
    """A row of the table for each index."""
    table, ids = shapes
    if len(table) != 2:
        raise ShapeError(f"embedding expects a table of shape (rows, units), got {table}.")
    return (*ids, table[1])


def embedding(xp: Namespace, w: Any, ids: Any) -> Any:
    """y = w[id]; NaN for an id that is not in [0, rows)."""
    flat = xp.reshape(ids, (size_of(ids.shape),))
    known = (flat >= 0) & (flat < w.shape[0])
    rows = xp.take(w, xp.where(known, flat, xp.zeros_like(flat)), axis=0)
    found = xp.where(xp.expand_dims(known, axis=-1), rows, xp.full_like(rows, xp.nan))
    return xp.reshape(found, (*ids.shape, w.shape[1]))


def embedding_vjp_w(xp: Namespace, gy: Any, ids: Any, *, w_shape: Shape) -> Any:
    """gw_v = sum of the gy whose id is v: one_hot(ids)^T gy, where 0 gy = 0 for any gy."""
    count = size_of(ids.shape)
    g, flat = xp.reshape(gy, (count, w_shape[1])), xp.reshape(ids, (count,))
    picks = xp.matrix_transpose(xp.astype(is_row(xp, flat, w_shape[0]), g.dtype))
    zero, finite = xp.zeros_like(g), xp.isfinite(g)
    total = xp.matmul(picks, xp.where(finite, g, zero))
    # Infinities must not be multiplied by zeros of other rows. A NaN counts as both infinities.
    for falls, end in ((g < 0, xp.inf), (g > 0, -xp.inf)):
        ends = xp.matmul(picks, xp.astype(~finite & ~falls, g.dtype))
        total = total + xp.where(ends > 0, xp.full_like(ends, end), xp.zeros_like(ends))
    return total


ONE_HOT = Op(
    "one_hot", "(...)->(...,k)", one_hot, [None], integers=("labels",), infer=one_hot_shape
)
AS_INDEX = Op("as_index", "(...)->(...)", as_index, [None], integers=None, infer=index_shape)
EMBEDDING = Op(
    "embedding",
    "(v,d),(...)->(...,d)",
    embedding,
    [embedding_vjp_w, None],
    integers=("ids",),
    infer=looked_up_shape,
)
