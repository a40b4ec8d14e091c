"""Looking rows up into given memory."""

from typing import Any

from xpnet import ops
from xpnet.kernels.recorder import Recorder, kernel
from xpnet.typing import Shape

__all__: list[str] = []


def _int64(k: Recorder, ids: Any) -> Any:
    """Numbers of rows in the type that `take` wants and that a large table's places need.

    `take` would allocate a copy of any other.
    """
    if str(ids.dtype) == "int64":
        return ids
    wide = k.scratch(ids, dtype="int64")
    k(k.raw.copyto, wide, ids)
    return wide


# Nothing is derived of `take`: the definition would allocate the rows, and take 5 times as long.
@kernel(ops.embedding)
def embedding(k: Recorder, out: Any, w: Any, ids: Any) -> None:
    k(k.raw.take, w, _int64(k, ids), out=out)


def flat_places(k: Recorder, ids: Any, units: int) -> Any:
    """Record where each number's row stands, element by element, in the flat table."""
    first = k.scratch(ids, (*ids.shape, 1), "int64")
    places = k.scratch(ids, (*ids.shape, units), "int64")
    k(k.raw.multiply, k.raw.expand_dims(_int64(k, ids), -1), units, out=first)
    k(k.raw.add, first, k.raw.arange(0, units), out=places)
    return places


# The definition's products with one-hot rows take 5 to 50 times as long.
@kernel(ops.embedding, vjp=0)
def embedding_vjp_w(k: Recorder, out: Any, gy: Any, ids: Any, *, w_shape: Shape) -> None:
    # NumPy adds to single elements, by one flat index, three times as fast as to rows.
    places = flat_places(k, ids, w_shape[1])
    k(k.raw.copyto, out, 0)
    k(k.raw.add.at, out.reshape(-1), places.reshape(-1), gy.reshape(-1))
