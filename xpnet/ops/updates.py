"""The rules by which optimisers change the parameters, on flat vectors."""

from typing import Any

from xpnet.ops.record import Update
from xpnet.typing import Namespace

__all__ = ["ADAM", "DECAY", "MOMENTUM", "SGD"]


def decay(xp: Namespace, p: Any, g: Any, *, rate: float) -> tuple[Any, ...]:
    """g' = g + rate p: the gradient of rate/2 |p|**2."""
    return p, g + rate * p


def sgd(xp: Namespace, p: Any, g: Any, lr: Any) -> tuple[Any, ...]:
    """p' = p - lr g."""
    return p - lr * g, g


def momentum(
    xp: Namespace, p: Any, g: Any, v: Any, lr: Any, *, momentum: float, nesterov: bool
) -> tuple[Any, ...]:
    """v' = momentum v + g;  p' = p - lr v', or p - lr (g + momentum v') by Nesterov."""
    v = momentum * v + g
    return p - lr * (g + momentum * v if nesterov else v), g, v


def adam(
    xp: Namespace,
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
) -> tuple[Any, ...]:
    """m' = beta1 m + (1 - beta1) g;  v' = beta2 v + (1 - beta2) g**2.

    p' = p - lr c1 m' / (c2 sqrt(v') + epsilon), with the bias corrections
    c1 = 1 / (1 - beta1**t) and c2 = 1 / sqrt(1 - beta2**t).
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return p - lr * c1 * m / (c2 * xp.sqrt(v) + epsilon), g, m, v


DECAY = Update("decay", decay)
SGD = Update("sgd", sgd, coefficients=("lr",))
MOMENTUM = Update("momentum", momentum, slots=("velocity",), coefficients=("lr",))
ADAM = Update(
    "adam", adam, slots=("mean", "mean_square"), coefficients=("lr", "mean_scale", "root_scale")
)
