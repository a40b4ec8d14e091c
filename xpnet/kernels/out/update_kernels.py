"""Handwritten update rules; all others are derived from their definitions."""

from typing import Any

from xpnet.kernels.recorder import Recorder, kernel
from xpnet.ops.op_registry import UPDATES
from xpnet.ops.vector_rules import JOIN_GRADIENT
from xpnet.typing import size_of

__all__: list[str] = []


def _root(k: Recorder, v: Any, eps: Any, out: Any) -> None:
    """out = sqrt(v) + eps."""
    k(k.raw.sqrt, v, out=out)
    k(k.raw.add, out, eps, out=out)


# A product instead of a sum of squares: one pass fewer over the gradient, twice as fast.
@kernel(UPDATES["clip_norm"])
def clip_norm(k: Recorder, p: Any, g: Any, *, limit: float) -> None:
    share = k.scratch(g, (1, 1))
    k(k.raw.matmul, k.raw.expand_dims(g, 0), k.raw.expand_dims(g, 1), out=share)
    _root(k, share, 1e-6, out=share)
    k(k.raw.divide, limit, share, out=share)
    k(k.raw.minimum, share, 1, out=share)
    k(k.raw.multiply, g, share[0], out=g)


# Parts that are computed in place need no copy.
@kernel(JOIN_GRADIENT)
def join_gradient(k: Recorder, g: Any, *parts: Any) -> None:
    start = 0
    for part in parts:
        stop = start + size_of(part.shape)
        place = g[start:stop].reshape(part.shape)
        if k.backend.address(place) != k.backend.address(part):
            k(k.raw.copyto, place, part)
        start = stop


def _moments(k: Recorder, g: Any, m: Any, v: Any, beta1: float, beta2: float) -> None:
    """m' = beta1 m + g;  v' = beta2 v + g**2; g is overwritten."""
    k(k.raw.multiply, m, beta1, out=m)
    k(k.raw.add, m, g, out=m)
    k(k.raw.multiply, g, g, out=g)
    k(k.raw.multiply, v, beta2, out=v)
    k(k.raw.add, v, g, out=v)


def _step(k: Recorder, p: Any, g: Any, m: Any, v: Any, rate: Any, eps: Any) -> None:
    """p' = p - rate (m / (sqrt(v) + eps)); g is overwritten."""
    _root(k, v, eps, out=g)
    k(k.raw.divide, m, g, out=g)
    k(k.raw.multiply, g, rate, out=g)
    k(k.raw.subtract, p, g, out=p)


# Derived kernels of these two are as fast. They multiply by the learning rate before they divide,
# which rounds differently: a seed would no longer give the same bits.


@kernel(UPDATES["adam"])
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
        _moments(k, gi, mi, vi, beta1, beta2)
        _step(k, pi, gi, mi, vi, rate, eps)


@kernel(UPDATES["amsgrad"])
def amsgrad(
    k: Recorder,
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    w: Any,
    rate: Any,
    eps: Any,
    *,
    beta1: float,
    beta2: float,
) -> None:
    for pi, gi, mi, vi, wi, _ in k.blocks(p, g, m, v, w):
        _moments(k, gi, mi, vi, beta1, beta2)
        k(k.raw.maximum, wi, vi, out=wi)
        _step(k, pi, gi, mi, wi, rate, eps)
