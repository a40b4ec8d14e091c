"""Losses of class labels with PyTorch's functions."""

from typing import Any

from xpnet import ops
from xpnet.backends.data_types import dtype_name
from xpnet.kernels.recorder import Recorder, kernel

__all__: list[str] = []


def _column(k: Recorder, labels: Any) -> Any:
    """Labels in a column, of the type that PyTorch's functions take as an index."""
    if dtype_name(labels.dtype) != "int64":
        wide = k.scratch(labels, dtype="int64")
        k(k.raw.copyto, wide, labels)
        labels = wide
    return k.raw.expand_dims(labels, -1)


# Five calls instead of nine.
@kernel(ops.softmax_cross_entropy, family="torch")
def softmax_cross_entropy(
    k: Recorder, out: Any, p: Any, z: Any, labels: Any, *, smoothing: float = 0.0
) -> None:
    k(k.raw.log_softmax, z, dim=-1, out=p)
    own = k.raw.expand_dims(out, -1)
    k(k.raw.gather, p, dim=-1, index=_column(k, labels), out=own)
    k(k.raw.negative, out, out=out)
    if smoothing:
        total = k.scratch(out)
        k(k.raw.sum, p, axis=-1, out=total)
        k(k.raw.multiply, out, 1 - smoothing, out=out)
        k(k.raw.add, out, total, alpha=-smoothing / z.shape[-1], out=out)
    k(k.raw.exp, p, out=p)


# Two calls instead of five, with the same rounding: (p - 1) gy in the label's column.
@kernel(ops.softmax_cross_entropy, vjp=0, family="torch", inplace=(1,))
def softmax_cross_entropy_vjp(
    k: Recorder, out: Any, gy: Any, p: Any, labels: Any, *, smoothing: float
) -> None:
    column = _column(k, labels)
    less = k.raw.ones(tuple(column.shape), dtype=p.dtype).mul(smoothing - 1)
    if out is not p:
        k(k.raw.copyto, out, p)
    k(k.raw.scatter_add, out, column, less)
    if smoothing:
        k(k.raw.subtract, out, smoothing / p.shape[-1], out=out)
    k(k.raw.multiply, out, k.raw.expand_dims(gy, -1), out=out)
