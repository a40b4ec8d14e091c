"""Fused losses into given memory."""

from typing import Any

from xpnet import ops
from xpnet.kernels.out.activations import record_sigmoid, record_softmax
from xpnet.kernels.recorder import Recorder, kernel
from xpnet.typing import size_of

__all__: list[str] = []


def _flat_labels(k: Recorder, labels: Any, classes: int) -> Any:
    """Record where each sample's own logit stands in the flat array of logits."""
    starts = k.raw.arange(0, size_of(labels.shape) * classes, classes).reshape(labels.shape)
    index = k.scratch(labels, dtype="int64")
    k(k.raw.add, starts, labels, out=index)
    return index


@kernel(ops.softmax_cross_entropy)
def softmax_cross_entropy(k: Recorder, out: Any, p: Any, z: Any, labels: Any) -> None:
    index = _flat_labels(k, labels, z.shape[-1])
    shifted, column = k.scratch(z), k.scratch(z, (*out.shape, 1))
    picked = k.scratch(out)
    record_softmax(k, shifted, p, z, column)
    k(k.raw.take, shifted.reshape(-1), index, out=picked)
    k(k.raw.log, column.reshape(out.shape), out=out)
    k(k.raw.subtract, out, picked, out=out)


@kernel(ops.softmax_cross_entropy, vjp=0, inplace=(1,))
def softmax_cross_entropy_vjp(k: Recorder, out: Any, gy: Any, p: Any, labels: Any) -> None:
    index, own = _flat_labels(k, labels, p.shape[-1]), k.scratch(gy)
    column = k.raw.expand_dims(gy, -1)
    k(k.raw.take, p.reshape(-1), index, out=own)
    k(k.raw.subtract, own, 1, out=own)
    k(k.raw.multiply, own, gy, out=own)
    k(k.raw.multiply, p, column, out=out)
    k(k.raw.put, out.reshape(-1), index, own)


@kernel(ops.soft_cross_entropy)
def soft_cross_entropy(k: Recorder, out: Any, p: Any, z: Any, t: Any) -> None:
    shifted, column = k.scratch(z), k.scratch(z, (*out.shape, 1))
    unused = k.scratch(t, dtype="bool")
    record_softmax(k, shifted, p, z, column)
    k(k.raw.log, column, out=column)
    k(k.raw.subtract, column, shifted, out=shifted)
    k(k.raw.multiply, shifted, t, out=shifted)
    k(k.raw.equal, t, 0, out=unused)
    k(k.raw.copyto, shifted, 0, where=unused)
    k(k.raw.sum, shifted, axis=-1, out=out)


@kernel(ops.soft_cross_entropy, vjp=0, inplace=(1,))
def soft_cross_entropy_vjp(k: Recorder, out: Any, gy: Any, p: Any, t: Any) -> None:
    total = k.scratch(gy, (*gy.shape, 1))
    k(k.raw.sum, t, axis=-1, out=total, keepdims=True)
    k(k.raw.multiply, p, total, out=out)
    k(k.raw.subtract, out, t, out=out)
    k(k.raw.multiply, out, k.raw.expand_dims(gy, -1), out=out)


@kernel(ops.binary_cross_entropy_with_logits)
def binary_cross_entropy_with_logits(k: Recorder, out: Any, z: Any, t: Any) -> None:
    size, wrong, rest = k.scratch(z), k.scratch(z), k.scratch(z)
    mask = k.scratch(z, dtype="bool")
    k(k.raw.abs, z, out=size)
    k(k.raw.greater, z, 0, out=mask)
    k(k.raw.subtract, 1, t, out=rest)
    k(k.raw.copyto, wrong, t)
    k(k.raw.copyto, wrong, rest, where=mask)
    k(k.raw.equal, wrong, 0, out=mask)
    k(k.raw.multiply, wrong, size, out=wrong)
    k(k.raw.copyto, wrong, 0, where=mask)
    k(k.raw.negative, size, out=size)
    k(k.raw.exp, size, out=size)
    k(k.raw.log1p, size, out=size)
    k(k.raw.add, size, wrong, out=size)
    k(k.raw.sum, size, axis=-1, out=out)
    k(k.raw.divide, out, z.shape[-1], out=out)


@kernel(ops.binary_cross_entropy_with_logits, vjp=0, inplace=(1,))
def binary_cross_entropy_with_logits_vjp(k: Recorder, out: Any, gy: Any, z: Any, t: Any) -> None:
    share = k.scratch(gy, (*gy.shape, 1))
    record_sigmoid(k, out, z, k.scratch(z))
    k(k.raw.subtract, out, t, out=out)
    k(k.raw.divide, k.raw.expand_dims(gy, -1), z.shape[-1], out=share)
    k(k.raw.multiply, out, share, out=out)


@kernel(ops.mean_squared_error)
def mean_squared_error(k: Recorder, out: Any, d: Any, a: Any, b: Any) -> None:
    square = k.scratch(a)
    k(k.raw.subtract, a, b, out=d)
    k(k.raw.multiply, d, d, out=square)
    k(k.raw.sum, square, axis=-1, out=out)
    k(k.raw.divide, out, a.shape[-1], out=out)


def _record_difference(k: Recorder, out: Any, gy: Any, d: Any, factor: int) -> None:
    share = k.scratch(gy, (*gy.shape, 1))
    k(k.raw.multiply, k.raw.expand_dims(gy, -1), factor / d.shape[-1], out=share)
    k(k.raw.multiply, d, share, out=out)


@kernel(ops.mean_squared_error, vjp=0, inplace=(1,))
def mean_squared_error_vjp_a(k: Recorder, out: Any, gy: Any, d: Any) -> None:
    _record_difference(k, out, gy, d, 2)


@kernel(ops.mean_squared_error, vjp=1, inplace=(1,))
def mean_squared_error_vjp_b(k: Recorder, out: Any, gy: Any, d: Any) -> None:
    _record_difference(k, out, gy, d, -2)
