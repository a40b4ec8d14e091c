"""Table look-ups in given memory."""

from math import nan
from typing import Any

from xpnet import ops
from xpnet.backends.data_types import dtype_name
from xpnet.kernels.recorder import Recorder, kernel
from xpnet.typing import Shape

__all__: list[str] = []


def _int64(k: Recorder, ids: Any) -> Any:
    """Indices in the type that `take` expects and that offsets into a large table need.

    `take` would allocate a copy of any other type.
    """
    if dtype_name(ids.dtype) == "int64":
        return ids
    wide = k.scratch(ids, dtype="int64")
    k(k.raw.copyto, wide, ids)
    return wide


def _known(k: Recorder, ids: Any, rows: int) -> tuple[Any, Any]:
    """Record the ids, with 0 in place of those that name no row, and a mask of these, a column."""
    ids = _int64(k, ids)
    known, unknown, low = k.scratch(ids), k.scratch(ids, dtype="bool"), k.scratch(ids, dtype="bool")
    k(k.raw.greater, 0, ids, out=low)
    k(k.raw.greater_equal, ids, rows, out=unknown)
    k(k.raw.maximum, unknown, low, out=unknown)
    k(k.raw.copyto, known, ids)
    k(k.raw.copyto, known, 0, where=unknown)
    return known, k.raw.expand_dims(unknown, -1)


# No kernel is derived from `take`: the definition would allocate the rows and take 5 times as long.
@kernel(ops.embedding)
def embedding(k: Recorder, out: Any, w: Any, ids: Any) -> None:
    if k.backend.bounded:
        k(k.raw.take, w, _int64(k, ids), out=out)
        return
    known, unknown = _known(k, ids, w.shape[0])
    k(k.raw.take, w, known, out=out)
    k(k.raw.copyto, out, nan, where=unknown)


def flat_offsets(k: Recorder, ids: Any, units: int) -> Any:
    """Record the flat offsets of the elements of each index's row."""
    first = k.scratch(ids, (*ids.shape, 1), "int64")
    offsets = k.scratch(ids, (*ids.shape, units), "int64")
    k(k.raw.multiply, k.raw.expand_dims(_int64(k, ids), -1), units, out=first)
    k(k.raw.add, first, k.raw.arange(0, units), out=offsets)
    return offsets


# The definition's products with one-hot rows take 5 to 50 times as long.
@kernel(ops.embedding, vjp=0)
def embedding_vjp_w(k: Recorder, out: Any, gy: Any, ids: Any, *, w_shape: Shape) -> None:
    k(k.raw.copyto, out, 0)
    if not k.backend.bounded:
        ids, unknown = _known(k, ids, w_shape[0])
        gy, given = k.scratch(gy), gy
        k(k.raw.copyto, gy, given)
        k(k.raw.copyto, gy, 0, where=unknown)  # added to row 0
    if k.backend.lowering == "cpu":
        k(k.raw.add_at, out, _int64(k, ids), gy)
        return
    # NumPy adds to single elements, by a flat index, three times as fast as to rows. CuPy adds by
    # atomic additions: where an index occurs three times or more, two runs may differ in rounding.
    offsets = flat_offsets(k, ids, w_shape[1])
    k(k.raw.add_at, out.reshape(-1), offsets.reshape(-1), gy.reshape(-1))
