"""Optimiser updates in place, in blocks that stay in cache."""

from typing import Any

from xpnet import ops
from xpnet.kernels.recorder import Recorder, kernel

__all__: list[str] = []


@kernel(ops.UPDATES["decay"])
def decay(k: Recorder, p: Any, g: Any, *, rate: float) -> None:
    for pi, gi, s in k.blocks(p, g):
        k(k.raw.multiply, pi, rate, out=s)
        k(k.raw.add, gi, s, out=gi)


@kernel(ops.UPDATES["sgd"])
def sgd(k: Recorder, p: Any, g: Any, lr: Any) -> None:
    for pi, gi, _ in k.blocks(p, g):
        k(k.raw.multiply, gi, lr, out=gi)
        k(k.raw.subtract, pi, gi, out=pi)


@kernel(ops.UPDATES["momentum"])
def momentum(
    k: Recorder, p: Any, g: Any, v: Any, lr: Any, *, momentum: float, nesterov: bool
) -> None:
    for pi, gi, vi, s in k.blocks(p, g, v):
        k(k.raw.multiply, vi, momentum, out=vi)
        k(k.raw.add, vi, gi, out=vi)
        if nesterov:
            k(k.raw.multiply, vi, momentum, out=s)
            k(k.raw.add, gi, s, out=gi)
            k(k.raw.multiply, gi, lr, out=gi)
        else:
            k(k.raw.multiply, vi, lr, out=gi)
        k(k.raw.subtract, pi, gi, out=pi)


@kernel(ops.UPDATES["adam"])
def adam(
    k: Recorder,
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    rate: Any,
    eps: Any,
    *,
    beta1: float,
    beta2: float,
) -> None:
    for pi, gi, mi, vi, _ in k.blocks(p, g, m, v):
        k(k.raw.multiply, mi, beta1, out=mi)
        k(k.raw.add, mi, gi, out=mi)
        k(k.raw.multiply, gi, gi, out=gi)
        k(k.raw.multiply, vi, beta2, out=vi)
        k(k.raw.add, vi, gi, out=vi)
        k(k.raw.sqrt, vi, out=gi)
        k(k.raw.add, gi, eps, out=gi)
        k(k.raw.divide, mi, gi, out=gi)
        k(k.raw.multiply, gi, rate, out=gi)
        k(k.raw.subtract, pi, gi, out=pi)
