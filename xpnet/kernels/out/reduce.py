"""Kernels of reductions that take one call where the definition takes two."""

from typing import Any

from xpnet import ops
from xpnet.kernels.recorder import Recorder, kernel
from xpnet.ops.reduce import normal_axes, reduced_shape, sum_to_axes
from xpnet.typing import size_of

__all__: list[str] = []


@kernel(ops.mean, vjp=0)
def mean_vjp(k: Recorder, out: Any, gy: Any, *, axis: Any, keepdims: bool, x_shape: Any) -> None:
    kept = gy.reshape(reduced_shape([x_shape], axis=axis, keepdims=True))
    k(k.raw.divide, kept, size_of([x_shape[i] for i in normal_axes(axis, len(x_shape))]), out=out)


@kernel(ops.sum_squares)
def sum_squares(k: Recorder, out: Any, x: Any) -> None:
    flat = x.reshape(-1)
    k(k.raw.matmul, flat, flat.reshape(-1, 1), out=out.reshape(1))


@kernel(ops.sum_to)
def sum_to(k: Recorder, out: Any, x: Any, *, shape: Any) -> None:
    axes = sum_to_axes(x.shape, shape)
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    k(k.raw.sum, x, axis=axes, out=out.reshape(kept), keepdims=True)
