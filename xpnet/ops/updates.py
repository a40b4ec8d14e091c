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
    rate: Any,
    eps: Any,
    *,
    beta1: float,
    beta2: float,
) -> tuple[Any, ...]:
    """m' = beta1 m + g;  v' = beta2 v + g**2;  p' = p - rate m' / (sqrt(v') + eps).

    The moments are kept as sums. Divided by the sums of their weights,
    s1 = 1 + beta1 + ... + beta1**(t-1) and s2 likewise, they are Adam's bias-corrected means;
    the division is in the coefficients rate = lr sqrt(s2) / s1 and eps = epsilon sqrt(s2).
    """
    m = beta1 * m + g
    v = beta2 * v + g * g
    return p - rate * m / (xp.sqrt(v) + eps), g, m, v


DECAY = Update("decay", decay)
SGD = Update("sgd", sgd, coefficients=("lr",))
MOMENTUM = Update("momentum", momentum, slots=("velocity",), coefficients=("lr",))
ADAM = Update("adam", adam, slots=("gradient_sum", "square_sum"), coefficients=("rate", "eps"))
