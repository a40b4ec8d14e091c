"""Products with PyTorch's functions."""

from typing import Any

from xpnet import ops
from xpnet.kernels.recorder import Recorder, kernel

__all__: list[str] = []


# One call instead of two, and one pass fewer over the output.
@kernel(ops.affine, family="torch")
def affine(k: Recorder, out: Any, x: Any, w: Any, b: Any) -> None:
    if x.ndim == w.ndim == 2 and b.ndim == 1:
        k(k.raw.addmm, b, x, w, out=out)
        return
    k(k.raw.matmul, x, w, out=out)
    k(k.raw.add, out, k.raw.expand_dims(b, -2), out=out)
