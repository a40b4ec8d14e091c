"""Reductions in given memory."""

from typing import Any

from xpnet import ops
from xpnet.kernels.recorder import Recorder, kernel

__all__: list[str] = []


# A product reads the array once and writes no squares: up to three times as fast.
@kernel(ops.sum_squares)
def sum_squares(k: Recorder, out: Any, x: Any) -> None:
    flat = x.reshape(-1)
    k(k.raw.matmul, flat, flat.reshape(-1, 1), out=out.reshape(1))
