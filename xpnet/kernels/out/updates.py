"""Optimiser updates in place, in blocks that stay in cache."""

from typing import Any

from xpnet import ops
from xpnet.kernels.derive import emit, results_of
from xpnet.kernels.recorder import Recorder, kernel

__all__: list[str] = []


def _add_to_sum(k: Recorder, total: Any, beta: float, term: Any) -> None:
    """total' = beta total + term."""
    k(k.raw.multiply, total, beta, out=total)
    k(k.raw.add, total, term, out=total)


def _root(k: Recorder, v: Any, eps: Any, out: Any) -> None:
    """out = sqrt(v) + eps."""
    k(k.raw.sqrt, v, out=out)
    k(k.raw.add, out, eps, out=out)


def _step(k: Recorder, p: Any, rate: Any, direction: Any) -> None:
    """p' = p - rate direction, which is overwritten."""
    k(k.raw.multiply, direction, rate, out=direction)
    k(k.raw.subtract, p, direction, out=p)


def _sign(k: Recorder, x: Any, out: Any) -> None:
    """out = sign x, by the calls that keep NaN on this library."""
    emit(k, results_of(k, lambda xp, x: xp.sign(x), [x], {}), [out])


@kernel(ops.UPDATES["clip_value"])
def clip_value(k: Recorder, p: Any, g: Any, *, limit: float) -> None:
    for gi, _ in k.blocks(g):
        k(k.raw.maximum, gi, -limit, out=gi)
        k(k.raw.minimum, gi, limit, out=gi)


@kernel(ops.UPDATES["clip_norm"])
def clip_norm(k: Recorder, p: Any, g: Any, *, limit: float) -> None:
    share = k.scratch(g, (1, 1))
    k(k.raw.matmul, k.raw.expand_dims(g, 0), k.raw.expand_dims(g, 1), out=share)
    _root(k, share, 1e-6, out=share)
    k(k.raw.divide, limit, share, out=share)
    k(k.raw.minimum, share, 1, out=share)
    k(k.raw.multiply, g, share[0], out=g)


@kernel(ops.UPDATES["decay"])
def decay(k: Recorder, p: Any, g: Any, *, rate: float) -> None:
    for pi, gi, s in k.blocks(p, g):
        k(k.raw.multiply, pi, rate, out=s)
        k(k.raw.add, gi, s, out=gi)


@kernel(ops.UPDATES["rms"])
def rms(k: Recorder, p: Any, g: Any, v: Any, *, rho: float, epsilon: float) -> None:
    for gi, vi, s in k.blocks(g, v):
        k(k.raw.multiply, gi, gi, out=s)
        _add_to_sum(k, vi, rho, s)
        _root(k, vi, epsilon, out=s)
        k(k.raw.divide, gi, s, out=gi)


@kernel(ops.UPDATES["centred_rms"])
def centred_rms(k: Recorder, p: Any, g: Any, a: Any, v: Any, *, rho: float, epsilon: float) -> None:
    for gi, ai, vi, s in k.blocks(g, a, v):
        _add_to_sum(k, ai, rho, gi)
        k(k.raw.multiply, gi, gi, out=s)
        _add_to_sum(k, vi, rho, s)
        k(k.raw.multiply, ai, ai, out=s)
        k(k.raw.multiply, s, 1 - rho, out=s)
        k(k.raw.subtract, vi, s, out=s)
        k(k.raw.maximum, s, 0, out=s)
        _root(k, s, epsilon, out=s)
        k(k.raw.divide, gi, s, out=gi)


@kernel(ops.UPDATES["decoupled_decay"])
def decoupled_decay(k: Recorder, p: Any, g: Any, decay: Any) -> None:
    for pi, s in k.blocks(p):
        k(k.raw.multiply, pi, decay, out=s)
        k(k.raw.subtract, pi, s, out=pi)


@kernel(ops.UPDATES["sgd"])
def sgd(k: Recorder, p: Any, g: Any, lr: Any) -> None:
    for pi, gi, _ in k.blocks(p, g):
        _step(k, pi, lr, gi)


@kernel(ops.UPDATES["momentum"])
def momentum(
    k: Recorder, p: Any, g: Any, v: Any, lr: Any, *, momentum: float, nesterov: bool
) -> None:
    for pi, gi, vi, s in k.blocks(p, g, v):
        _add_to_sum(k, vi, momentum, gi)
        if nesterov:
            k(k.raw.multiply, vi, momentum, out=s)
            k(k.raw.add, gi, s, out=gi)
            k(k.raw.multiply, gi, lr, out=gi)
        else:
            k(k.raw.multiply, vi, lr, out=gi)
        k(k.raw.subtract, pi, gi, out=pi)


@kernel(ops.UPDATES["adagrad"])
def adagrad(k: Recorder, p: Any, g: Any, v: Any, lr: Any, *, epsilon: float) -> None:
    for pi, gi, vi, s in k.blocks(p, g, v):
        k(k.raw.multiply, gi, gi, out=s)
        k(k.raw.add, vi, s, out=vi)
        _root(k, vi, epsilon, out=s)
        k(k.raw.divide, gi, s, out=gi)
        _step(k, pi, lr, gi)


@kernel(ops.UPDATES["adadelta"])
def adadelta(
    k: Recorder, p: Any, g: Any, v: Any, u: Any, lr: Any, *, rho: float, epsilon: float
) -> None:
    for pi, gi, vi, ui, s in k.blocks(p, g, v, u):
        k(k.raw.multiply, gi, gi, out=s)
        _add_to_sum(k, vi, rho, s)
        k(k.raw.add, vi, epsilon, out=s)
        k(k.raw.sqrt, s, out=s)
        k(k.raw.divide, gi, s, out=gi)
        k(k.raw.add, ui, epsilon, out=s)
        k(k.raw.sqrt, s, out=s)
        k(k.raw.multiply, gi, s, out=gi)
        k(k.raw.multiply, gi, gi, out=s)
        _add_to_sum(k, ui, rho, s)
        _step(k, pi, lr, gi)


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
        _add_to_sum(k, mi, beta1, gi)
        k(k.raw.multiply, gi, gi, out=gi)
        _add_to_sum(k, vi, beta2, gi)
        _root(k, vi, eps, out=gi)
        k(k.raw.divide, mi, gi, out=gi)
        _step(k, pi, rate, gi)


@kernel(ops.UPDATES["amsgrad"])
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
        _add_to_sum(k, mi, beta1, gi)
        k(k.raw.multiply, gi, gi, out=gi)
        _add_to_sum(k, vi, beta2, gi)
        k(k.raw.maximum, wi, vi, out=wi)
        _root(k, wi, eps, out=gi)
        k(k.raw.divide, mi, gi, out=gi)
        _step(k, pi, rate, gi)


@kernel(ops.UPDATES["nadam"])
def nadam(
    k: Recorder,
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    now: Any,
    rate: Any,
    eps: Any,
    *,
    beta1: float,
    beta2: float,
) -> None:
    for pi, gi, mi, vi, s in k.blocks(p, g, m, v):
        _add_to_sum(k, mi, beta1, gi)
        k(k.raw.multiply, gi, gi, out=s)
        _add_to_sum(k, vi, beta2, s)
        k(k.raw.multiply, gi, now, out=gi)
        k(k.raw.multiply, mi, rate, out=s)
        k(k.raw.add, gi, s, out=gi)
        _root(k, vi, eps, out=s)
        k(k.raw.divide, gi, s, out=gi)
        k(k.raw.subtract, pi, gi, out=pi)


@kernel(ops.UPDATES["radam"])
def radam(
    k: Recorder,
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    flat: Any,
    rate: Any,
    eps: Any,
    *,
    beta1: float,
    beta2: float,
) -> None:
    for pi, gi, mi, vi, _ in k.blocks(p, g, m, v):
        _add_to_sum(k, mi, beta1, gi)
        k(k.raw.multiply, gi, gi, out=gi)
        _add_to_sum(k, vi, beta2, gi)
        _root(k, vi, eps, out=gi)
        k(k.raw.divide, rate, gi, out=gi)
        k(k.raw.add, gi, flat, out=gi)
        _step(k, pi, mi, gi)


@kernel(ops.UPDATES["lion"])
def lion(k: Recorder, p: Any, g: Any, m: Any, lr: Any, *, beta2: float, share: float) -> None:
    for pi, gi, mi, s in k.blocks(p, g, m):
        k(k.raw.multiply, mi, share, out=s)
        k(k.raw.add, s, gi, out=s)
        _add_to_sum(k, mi, beta2, gi)
        _sign(k, s, out=gi)
        _step(k, pi, lr, gi)


@kernel(ops.UPDATES["average"])
def average(k: Recorder, p: Any, g: Any, a: Any, *, decay: float) -> None:
    for pi, ai, s in k.blocks(p, a):
        k(k.raw.multiply, pi, 1 - decay, out=s)
        _add_to_sum(k, ai, decay, s)
