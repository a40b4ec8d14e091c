"""Stochastic gradient descent, and steps by the gradient's sign."""

from typing import Unpack

from xpnet.arguments import flag, number
from xpnet.errors import ArgumentError
from xpnet.ops.op_registry import UPDATES
from xpnet.optim.optimizer import DecoupledDecay, Link, Optimizer, Options
from xpnet.optim.schedules import Schedule

__all__ = ["SGD", "Lion", "descent"]


def descent(momentum: float, nesterov: bool = False) -> Link:
    """The rule of a gradient step, with momentum unless it is 0."""
    if not momentum:
        return Link(UPDATES["sgd"])
    return Link(UPDATES["momentum"], {"momentum": momentum, "nesterov": nesterov})


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum and weight decay.

    v = momentum v + g and p = p - learning_rate v; with `nesterov`,
    p = p - learning_rate (g + momentum v).

    Parameters
    ----------
    learning_rate : float or callable, default 0.01
    momentum : float, default 0
        In [0, 1).
    nesterov : bool, default False
        Nesterov's momentum; needs ``momentum > 0``.
    **options
        Weight decay, clipping and averaging: see `Optimizer`.

    Raises
    ------
    ArgumentError
        For numbers out of range, and for `nesterov` without momentum.

    Notes
    -----
    Source: Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and
    momentum in deep learning", ICML 2013, in the form that torch.optim.SGD uses.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.momentum = number("momentum", momentum, 0, 1)
        self.nesterov = flag("nesterov", nesterov)
        if nesterov and not momentum:
            raise ArgumentError("nesterov=True needs a momentum greater than 0, such as 0.9.")

    def rules(self) -> list[Link]:
        return [descent(self.momentum, self.nesterov)]


class Lion(DecoupledDecay):
    """Lion: steps of equal size, in the direction of the sign of a running mean of the gradient.

    p = p - learning_rate (sign(beta1 m + (1 - beta1) g) + weight_decay p), with the decay
    for weights only; m = beta2 m + (1 - beta2) g.

    Parameters
    ----------
    learning_rate : float or callable, default 0.0001
        About 3 to 10 times smaller than Adam's.
    beta1, beta2 : float, defaults 0.9 and 0.99
        In [0, 1).
    **options
        Weight decay (not multiplied by the gradient's sign), clipping and averaging: see
        `Optimizer`.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    Notes
    -----
    Source: Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.0001,
        beta1: float = 0.9,
        beta2: float = 0.99,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta1, self.beta2 = number("beta1", beta1, 0, 1), number("beta2", beta2, 0, 1)

    def rules(self) -> list[Link]:
        # The mean is kept as a sum, m / (1 - beta2): scaling does not change a sign.
        share = self.beta1 * (1 - self.beta2) / (1 - self.beta1)
        return [Link(UPDATES["lion"], {"beta2": self.beta2, "share": share})]
