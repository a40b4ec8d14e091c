"""Reductions into given memory."""

from typing import Any

from xpnet import ops
from xpnet.kernels.recorder import Recorder, kernel
from xpnet.ops.reduce import normal_axes, reduced_shape, sum_to_axes
from xpnet.typing import size_of

__all__: list[str] = []


@kernel(ops.sum)
def sum_(k: Recorder, out: Any, x: Any, *, axis: Any = None, keepdims: bool = False) -> None:
    k(k.raw.sum, x, axis=normal_axes(axis, x.ndim), out=out, keepdims=keepdims)


@kernel(ops.sum, vjp=0)
def sum_vjp(k: Recorder, out: Any, gy: Any, *, axis: Any, keepdims: bool, x_shape: Any) -> None:
    k(k.raw.copyto, out, gy.reshape(reduced_shape([x_shape], axis=axis, keepdims=True)))


@kernel(ops.mean)
def mean(k: Recorder, out: Any, x: Any, *, axis: Any = None, keepdims: bool = False) -> None:
    axes = normal_axes(axis, x.ndim)
    k(k.raw.sum, x, axis=axes, out=out, keepdims=keepdims)
    k(k.raw.divide, out, size_of([x.shape[i] for i in axes]), out=out)


@kernel(ops.mean, vjp=0)
def mean_vjp(k: Recorder, out: Any, gy: Any, *, axis: Any, keepdims: bool, x_shape: Any) -> None:
    kept = gy.reshape(reduced_shape([x_shape], axis=axis, keepdims=True))
    k(k.raw.divide, kept, size_of([x_shape[i] for i in normal_axes(axis, len(x_shape))]), out=out)


@kernel(ops.sum_to)
def sum_to(k: Recorder, out: Any, x: Any, *, shape: Any) -> None:
    axes = sum_to_axes(x.shape, shape)
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    k(k.raw.sum, x, axis=axes, out=out.reshape(kept), keepdims=True)


@kernel(ops.sum_to, vjp=0)
def sum_to_vjp(k: Recorder, out: Any, gy: Any, *, x_shape: Any) -> None:
    k(k.raw.copyto, out, gy)


def _total(k: Recorder, w: Any) -> Any:
    """Record sum(w), and 1 in its place where it is 0."""
    total, none = k.scratch(w, ()), k.scratch(w, (), "bool")
    k(k.raw.sum, w, axis=0, out=total)
    k(k.raw.equal, total, 0, out=none)
    k(k.raw.copyto, total, 1, where=none)
    return total


@kernel(ops.weighted_mean)
def weighted_mean(k: Recorder, out: Any, x: Any, w: Any) -> None:
    total, terms, unused = _total(k, w), k.scratch(x), k.scratch(w, dtype="bool")
    k(k.raw.multiply, x, w, out=terms)
    k(k.raw.equal, w, 0, out=unused)
    k(k.raw.copyto, terms, 0, where=unused)
    k(k.raw.sum, terms, axis=0, out=out)
    k(k.raw.divide, out, total, out=out)


@kernel(ops.weighted_mean, vjp=0)
def weighted_mean_vjp_x(k: Recorder, out: Any, gy: Any, w: Any) -> None:
    total = _total(k, w)
    k(k.raw.divide, gy, total, out=total)
    k(k.raw.multiply, w, total, out=out)
