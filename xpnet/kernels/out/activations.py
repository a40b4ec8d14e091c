"""In-place kernels of the activation functions."""

from typing import Any

from xpnet import ops
from xpnet.kernels.recorder import Recorder, kernel

__all__ = ["record_sigmoid", "record_softmax"]


@kernel(ops.relu, inplace=(0,))
def relu(k: Recorder, out: Any, x: Any) -> None:
    k(k.raw.maximum, x, 0, out=out)


@kernel(ops.relu, vjp=0, inplace=(0,))
def relu_vjp(k: Recorder, out: Any, gy: Any, y: Any) -> None:
    active = k.scratch(y, dtype="bool")
    k(k.raw.greater, y, 0, out=active)
    k(k.raw.multiply, gy, active, out=out)


def record_sigmoid(k: Recorder, out: Any, x: Any, scratch: Any) -> None:
    """out = e**min(x, 0) / (1 + e**-|x|); `out` may be `x`."""
    k(k.raw.minimum, x, 0, out=scratch)
    k(k.raw.exp, scratch, out=scratch)
    k(k.raw.abs, x, out=out)
    k(k.raw.negative, out, out=out)
    k(k.raw.exp, out, out=out)
    k(k.raw.add, out, 1, out=out)
    k(k.raw.divide, scratch, out, out=out)


@kernel(ops.sigmoid, inplace=(0,))
def sigmoid(k: Recorder, out: Any, x: Any) -> None:
    record_sigmoid(k, out, x, k.scratch(out))


@kernel(ops.sigmoid, vjp=0, inplace=(0,))
def sigmoid_vjp(k: Recorder, out: Any, gy: Any, y: Any) -> None:
    rest = k.scratch(y)
    k(k.raw.subtract, 1, y, out=rest)
    k(k.raw.multiply, gy, y, out=out)
    k(k.raw.multiply, out, rest, out=out)


@kernel(ops.tanh, inplace=(0,))
def tanh(k: Recorder, out: Any, x: Any) -> None:
    k(k.raw.tanh, x, out=out)


@kernel(ops.tanh, vjp=0, inplace=(0,))
def tanh_vjp(k: Recorder, out: Any, gy: Any, y: Any) -> None:
    slope = k.scratch(y)
    k(k.raw.multiply, y, y, out=slope)
    k(k.raw.subtract, 1, slope, out=slope)
    k(k.raw.multiply, gy, slope, out=out)


def record_softmax(k: Recorder, shifted: Any, out: Any, z: Any, column: Any) -> None:
    """shifted = z - max z; out = softmax z; column = sum_j e**shifted_j, shape (..., 1).

    `shifted` and `out` may be the same memory, and may be `z`.
    """
    k(k.raw.max, z, axis=-1, out=column, keepdims=True)
    k(k.raw.subtract, z, column, out=shifted)
    k(k.raw.exp, shifted, out=out)
    k(k.raw.sum, out, axis=-1, out=column, keepdims=True)
    k(k.raw.divide, out, column, out=out)


@kernel(ops.softmax, inplace=(0,))
def softmax(k: Recorder, out: Any, x: Any) -> None:
    record_softmax(k, out, out, x, k.scratch(x, (*x.shape[:-1], 1)))


@kernel(ops.softmax, vjp=0)
def softmax_vjp(k: Recorder, out: Any, gy: Any, y: Any) -> None:
    dot = k.scratch(y, (*y.shape[:-1], 1))
    k(k.raw.multiply, gy, y, out=out)
    k(k.raw.sum, out, axis=-1, out=dot, keepdims=True)
    k(k.raw.subtract, gy, dot, out=out)
    k(k.raw.multiply, out, y, out=out)


@kernel(ops.log_softmax, inplace=(0,))
def log_softmax(k: Recorder, out: Any, x: Any) -> None:
    column, e = k.scratch(x, (*x.shape[:-1], 1)), k.scratch(x)
    k(k.raw.max, x, axis=-1, out=column, keepdims=True)
    k(k.raw.subtract, x, column, out=out)
    k(k.raw.exp, out, out=e)
    k(k.raw.sum, e, axis=-1, out=column, keepdims=True)
    k(k.raw.log, column, out=column)
    k(k.raw.subtract, out, column, out=out)


@kernel(ops.log_softmax, vjp=0)
def log_softmax_vjp(k: Recorder, out: Any, gy: Any, y: Any) -> None:
    total = k.scratch(y, (*y.shape[:-1], 1))
    k(k.raw.sum, gy, axis=-1, out=total, keepdims=True)
    k(k.raw.exp, y, out=out)
    k(k.raw.multiply, out, total, out=out)
    k(k.raw.subtract, gy, out, out=out)
