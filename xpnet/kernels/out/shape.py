"""Moving elements into given memory."""

from typing import Any

from xpnet import ops
from xpnet.kernels.recorder import Recorder, kernel
from xpnet.ops.shape import concat_vjp as concat_part

__all__: list[str] = []


@kernel(ops.reshape)
def reshape(k: Recorder, out: Any, x: Any, *, shape: Any) -> None:
    k(k.raw.copyto, out, x.reshape(out.shape))


@kernel(ops.reshape, vjp=0)
def reshape_vjp(k: Recorder, out: Any, gy: Any, *, x_shape: Any) -> None:
    k(k.raw.copyto, out, gy.reshape(x_shape))


@kernel(ops.concat)
def concat(k: Recorder, out: Any, *xs: Any, axis: int = -1) -> None:
    k(k.raw.concatenate, xs, axis=axis, out=out)


@kernel(ops.concat, vjp=0)
def concat_vjp(k: Recorder, out: Any, gy: Any, *, axis: int, index: int, shapes: Any) -> None:
    # The definition only slices, so it gives the view to copy from.
    k(k.raw.copyto, out, concat_part(None, gy, axis=axis, index=index, shapes=shapes))
