"""Moving elements in given memory."""

from typing import Any

from xpnet import ops
from xpnet.kernels.recorder import Recorder, kernel
from xpnet.ops.shape import part
from xpnet.ops.shape import slice_ as sliced

__all__: list[str] = []


# No kernel is derived from `concat`: the definitions would allocate and take 2 to 5 times as long.
@kernel(ops.concat)
def concat(k: Recorder, out: Any, *xs: Any, axis: int = -1) -> None:
    if k.backend.lowering != "cpu":
        k(k.raw.concatenate, xs, axis=axis, out=out)
        return
    start = 0
    for x in xs:  # copies, which loops can do
        stop = start + x.shape[axis]
        k(k.raw.copyto, out[part(out.ndim, axis, start, stop)], x)
        start = stop


@kernel(ops.slice, vjp=0)
def slice_vjp(k: Recorder, out: Any, gy: Any, *, x_shape: Any, **where: Any) -> None:
    k(k.raw.copyto, out, 0)
    k(k.raw.copyto, sliced(None, out, **where), gy)
