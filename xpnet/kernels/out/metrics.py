"""Metrics into given memory."""

from typing import Any

from xpnet import ops
from xpnet.kernels.recorder import Recorder, kernel

__all__: list[str] = []


@kernel(ops.accuracy)
def accuracy(k: Recorder, out: Any, z: Any, labels: Any) -> None:
    best, right = k.scratch(labels, dtype="int64"), k.scratch(labels, dtype="bool")
    k(k.raw.argmax, z, axis=-1, out=best)
    k(k.raw.equal, best, labels, out=right)
    k(k.raw.copyto, out, right)


@kernel(ops.soft_accuracy)
def soft_accuracy(k: Recorder, out: Any, z: Any, t: Any) -> None:
    best, wanted = k.scratch(out, dtype="int64"), k.scratch(out, dtype="int64")
    right = k.scratch(out, dtype="bool")
    k(k.raw.argmax, z, axis=-1, out=best)
    k(k.raw.argmax, t, axis=-1, out=wanted)
    k(k.raw.equal, best, wanted, out=right)
    k(k.raw.copyto, out, right)


@kernel(ops.binary_accuracy)
def binary_accuracy(k: Recorder, out: Any, z: Any, t: Any) -> None:
    chosen, wanted = k.scratch(z, dtype="bool"), k.scratch(z, dtype="bool")
    right = k.scratch(z)
    k(k.raw.greater, z, 0, out=chosen)
    k(k.raw.greater, t, 0.5, out=wanted)
    k(k.raw.equal, chosen, wanted, out=chosen)
    k(k.raw.copyto, right, chosen)
    k(k.raw.sum, right, axis=-1, out=out)
    k(k.raw.divide, out, z.shape[-1], out=out)
