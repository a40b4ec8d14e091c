"""Optimizers that divide each element of the gradient by its typical past size."""

from math import sqrt
from typing import Unpack

from xpnet.arguments import flag, number, positive
from xpnet.ops.op_registry import UPDATES
from xpnet.optim.optimizer import Link, Optimizer, Options
from xpnet.optim.schedules import Schedule
from xpnet.optim.sgd import descent

__all__ = ["Adadelta", "Adagrad", "RMSprop"]


class Adagrad(Optimizer):
    """Adagrad: steps that shrink with the sum of the squares of all gradients so far.

    v = v + g**2; p = p - learning_rate g / (sqrt(v) + epsilon).

    Parameters
    ----------
    learning_rate : float or callable, default 0.01
    epsilon : float, default 1e-10
        Greater than 0.
    **options
        Weight decay, clipping and averaging: see `Optimizer`.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    Notes
    -----
    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and
    stochastic optimization", JMLR 12, 2011.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        epsilon: float = 1e-10,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.epsilon = positive("epsilon", epsilon)

    def rules(self) -> list[Link]:
        return [Link(UPDATES["adagrad"], {"epsilon": self.epsilon})]


class Adadelta(Optimizer):
    """Adadelta: steps as large as recent ones, so there is no learning rate to tune.

    v = rho v + (1 - rho) g**2; d = g sqrt(u + epsilon) / sqrt(v + epsilon);
    u = rho u + (1 - rho) d**2; p = p - learning_rate d.

    Parameters
    ----------
    learning_rate : float or callable, default 1
    rho : float, default 0.9
        In [0, 1).
    epsilon : float, default 1e-6
        Greater than 0.
    **options
        Weight decay, clipping and averaging: see `Optimizer`.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    Notes
    -----
    Source: Zeiler, "ADADELTA: an adaptive learning rate method", arXiv:1212.5701, 2012.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 1.0,
        rho: float = 0.9,
        epsilon: float = 1e-6,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho = number("rho", rho, 0, 1)
        self.epsilon = positive("epsilon", epsilon)

    def rules(self) -> list[Link]:
        # Both means are kept as sums, mean / (1 - rho), so epsilon is scaled likewise.
        epsilon = self.epsilon / (1 - self.rho)
        return [Link(UPDATES["adadelta"], {"rho": self.rho, "epsilon": epsilon})]


class RMSprop(Optimizer):
    """RMSprop: gradients divided by the root of a running mean of their squares.

    v = rho v + (1 - rho) g**2; d = g / (sqrt(v) + epsilon); p = p - learning_rate d. With
    `momentum`, b = momentum b + d and p = p - learning_rate b. With
    `centered`, the root is taken of the gradient's variance, v - a**2, with the running mean
    a = rho a + (1 - rho) g.

    Parameters
    ----------
    learning_rate : float or callable, default 0.01
    rho : float, default 0.99
        In [0, 1); called alpha in torch.
    momentum : float, default 0
        In [0, 1).
    centered : bool, default False
    epsilon : float, default 1e-8
        Greater than 0.
    **options
        Weight decay, clipping and averaging: see `Optimizer`.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    Notes
    -----
    Sources: Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5, 2012;
    centered with momentum, Graves, "Generating sequences with recurrent neural networks",
    arXiv:1308.0850, 2013, in the form that torch.optim.RMSprop uses.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        rho: float = 0.99,
        momentum: float = 0.0,
        centered: bool = False,
        epsilon: float = 1e-8,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho, self.momentum = number("rho", rho, 0, 1), number("momentum", momentum, 0, 1)
        self.centered, self.epsilon = flag("centered", centered), positive("epsilon", epsilon)

    def rules(self) -> list[Link]:
        # The means are kept as sums, mean / (1 - rho). The missing factor goes into epsilon here,
        # and into the learning rate below.
        static = {"rho": self.rho, "epsilon": self.epsilon / sqrt(1 - self.rho)}
        scaled = Link(UPDATES["centered_rms" if self.centered else "rms"], static)
        return [scaled, descent(self.momentum)]

    def coefficients(self, learning_rate: float, step: int) -> dict[str, float]:
        return {"lr": learning_rate / sqrt(1 - self.rho)}
