"""Update rules with PyTorch's multiply-add functions, in few passes over the vectors."""

from typing import Any

from xpnet.kernels.recorder import Recorder, kernel
from xpnet.ops.op_registry import UPDATES

__all__: list[str] = []


def _add_to(k: Recorder, x: Any, beta: float, y: Any) -> None:
    """x' = beta x + y."""
    k(k.raw.add, y, x, alpha=beta, out=x)


def _descend(k: Recorder, p: Any, rate: Any, step: Any) -> None:
    """p' = p - rate step. The rate is on the device, so that it can change between steps."""
    k(k.raw.addcmul, p, step, rate, value=-1, out=p)


# One pass instead of two, as for the other rules here.
@kernel(UPDATES["sgd"], family="torch")
def sgd(k: Recorder, p: Any, g: Any, rate: Any) -> None:
    for pi, gi, _ in k.blocks(p, g):
        _descend(k, pi, rate, gi)


@kernel(UPDATES["momentum"], family="torch")
def momentum(
    k: Recorder, p: Any, g: Any, v: Any, rate: Any, *, momentum: float, nesterov: bool
) -> None:
    for pi, gi, vi, _ in k.blocks(p, g, v):
        _add_to(k, vi, momentum, gi)
        if nesterov:
            k(k.raw.add, gi, vi, alpha=momentum, out=gi)
        _descend(k, pi, rate, gi if nesterov else vi)


def _moments(k: Recorder, g: Any, m: Any, v: Any, beta1: float, beta2: float) -> None:
    """m' = beta1 m + g;  v' = beta2 v + g**2; g is overwritten."""
    _add_to(k, m, beta1, g)
    k(k.raw.multiply, g, g, out=g)
    _add_to(k, v, beta2, g)


def _step(k: Recorder, p: Any, g: Any, m: Any, v: Any, rate: Any, eps: Any) -> None:
    """p' = p - rate (m / (sqrt(v) + eps)); g is overwritten."""
    k(k.raw.sqrt, v, out=g)
    k(k.raw.add, g, eps, out=g)
    k(k.raw.divide, m, g, out=g)
    _descend(k, p, rate, g)


@kernel(UPDATES["adam"], family="torch")
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


@kernel(UPDATES["amsgrad"], family="torch")
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
