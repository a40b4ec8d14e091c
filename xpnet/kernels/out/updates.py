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
            k(k.raw.add, gi, s, out=s)
            k(k.raw.multiply, s, lr, out=s)
        else:
            k(k.raw.multiply, vi, lr, out=s)
        k(k.raw.subtract, pi, s, out=pi)


@kernel(ops.UPDATES["adam"])
def adam(
    k: Recorder,
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    lr: Any,
    c1: Any,
    c2: Any,
    *,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    # lr c1 m / (c2 sqrt v + epsilon), in an order that needs one scratch vector.
    step = k.raw.zeros((), dtype=p.dtype)
    k(k.raw.multiply, lr, c1, out=step)
    for pi, gi, mi, vi, s in k.blocks(p, g, m, v):
        k(k.raw.multiply, mi, beta1, out=mi)
        k(k.raw.multiply, gi, 1 - beta1, out=s)
        k(k.raw.add, mi, s, out=mi)
        k(k.raw.multiply, vi, beta2, out=vi)
        k(k.raw.multiply, gi, gi, out=gi)
        k(k.raw.multiply, gi, 1 - beta2, out=gi)
        k(k.raw.add, vi, gi, out=vi)
        k(k.raw.sqrt, vi, out=s)
        k(k.raw.multiply, s, c2, out=s)
        k(k.raw.add, s, epsilon, out=s)
        k(k.raw.divide, mi, s, out=s)
        k(k.raw.multiply, s, step, out=s)
        k(k.raw.subtract, pi, s, out=pi)
