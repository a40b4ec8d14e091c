"""Table look-ups by index, and the encodings of indices."""

from typing import Any

from xpnet.backends import check_float
from xpnet.errors import DTypeError, ShapeError
from xpnet.ops.record import Op
from xpnet.typing import Namespace, Shape, size_of

__all__ = ["AS_INDEX", "EMBEDDING", "ONE_HOT", "is_row"]


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


def index_shape(shapes: list[Shape], *, dtype: str = "int64") -> Shape:
    """The same shape; the dtype must be an integer type."""
    if dtype not in ("int32", "int64"):
        raise DTypeError(f"as_index: dtype must be 'int32' or 'int64', got {dtype!r}.")
    return shapes[0]


def as_index(xp: Namespace, x: Any, *, dtype: str = "int64") -> Any:
    """y = x as an integer, for indices given as floats."""
    return xp.astype(x, getattr(xp, dtype))


def looked_up_shape(shapes: list[Shape]) -> Shape:
    """A row of the table for each index."""
    table, ids = shapes
    if len(table) != 2:
        raise ShapeError(f"embedding expects a table of shape (rows, units), got {table}.")
    return (*ids, table[1])


def embedding(xp: Namespace, w: Any, ids: Any) -> Any:
    """y = w[id], for ids in [0, rows)."""
    flat = xp.reshape(ids, (size_of(ids.shape),))
    return xp.reshape(xp.take(w, flat, axis=0), (*ids.shape, w.shape[1]))


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
