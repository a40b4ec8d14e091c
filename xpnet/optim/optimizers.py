"""Optimisers: a chain of update rules on the flat vectors of parameters and gradients."""

from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from xpnet.arguments import number, positive
from xpnet.errors import ArgumentError, UnknownNameError
from xpnet.ops import UPDATES, Update
from xpnet.optim.schedules import Schedule, schedule

__all__ = ["SGD", "Adam", "Link", "Optimizer", "get_optimizer"]


_SHOWN = {"_schedule": "learning_rate"}


@dataclass(frozen=True)
class Link:
    """One rule of an optimiser's chain, with its settings.

    ``weights_only`` applies it to the leading part of the vectors, without the biases.
    """

    update: Update
    static: dict[str, Any] = field(default_factory=dict)
    weights_only: bool = False


class Optimizer:
    """Base class: a learning-rate schedule, and a chain of update rules.

    Parameters
    ----------
    learning_rate : float or callable
        A number greater than 0, or a function of the epoch (counted from 0).
    weight_decay : float, default 0
        Adds ``weight_decay`` times the weights to their gradient, the gradient of an L2 penalty
        of ``weight_decay / 2`` times the sum of squares; biases are left out.
    """

    def __init__(self, learning_rate: float | Schedule, weight_decay: float = 0.0) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = number("weight_decay", weight_decay, 0)

    @property
    def learning_rate(self) -> Schedule:
        """The schedule; a number may be assigned."""
        return self._schedule

    @learning_rate.setter
    def learning_rate(self, value: float | Schedule) -> None:
        self._schedule = schedule(value)

    def __setattr__(self, name: str, value: Any) -> None:
        """Settings are bound into the update; only the learning rate can be changed."""
        if name in vars(self) and name != "_schedule":
            raise ArgumentError(
                f"{name} of an optimizer cannot be changed: assign a new one, such as "
                f"model.optimizer = xpnet.{type(self).__name__}({name}=...)."
            )
        object.__setattr__(self, name, value)

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0.

        Raises
        ------
        ArgumentError
            If the schedule does not return a finite number of at least 0.
        """
        return number("learning_rate (from the schedule)", self._schedule(epoch), 0)

    def rule(self) -> Link:
        """The rule that changes the parameters."""
        raise ArgumentError(f"{type(self).__name__} must define rule(self).")

    def chain(self) -> list[Link]:
        """The rules in the order in which they are applied."""
        decay = Link(UPDATES["decay"], {"rate": self.weight_decay}, weights_only=True)
        return [decay, self.rule()] if self.weight_decay else [self.rule()]

    def coefficients(self, rate: float, step: int) -> tuple[float, ...]:
        """Numbers that the rule reads in this step (counted from 1), in double precision."""
        return (rate,)

    def __repr__(self) -> str:
        shown = ", ".join(f"{_SHOWN.get(k, k)}={v!r}" for k, v in vars(self).items())
        return f"{type(self).__name__}({shown})"


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
    weight_decay : float, default 0
        See `Optimizer`.

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
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.momentum = number("momentum", momentum, 0, 1)
        self.nesterov = bool(nesterov)
        if nesterov and not momentum:
            raise ArgumentError("nesterov=True needs a momentum greater than 0, such as 0.9.")

    def rule(self) -> Link:
        if not self.momentum:
            return Link(UPDATES["sgd"])
        return Link(UPDATES["momentum"], {"momentum": self.momentum, "nesterov": self.nesterov})


class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g**2;
    p = p - learning_rate (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + epsilon).

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
    beta1, beta2 : float, defaults 0.9 and 0.999
        In [0, 1).
    epsilon : float, default 1e-8
        Greater than 0.
    weight_decay : float, default 0
        See `Optimizer`.

    Notes
    -----
    Source: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.beta1, self.beta2 = number("beta1", beta1, 0, 1), number("beta2", beta2, 0, 1)
        self.epsilon = positive("epsilon", epsilon)

    def rule(self) -> Link:
        return Link(UPDATES["adam"], {"beta1": self.beta1, "beta2": self.beta2})

    def coefficients(self, rate: float, step: int) -> tuple[float, ...]:
        # The sums of the weights that the running sums have given to the gradients so far.
        sum1 = (1 - self.beta1**step) / (1 - self.beta1)
        sum2 = (1 - self.beta2**step) / (1 - self.beta2)
        return rate * sqrt(sum2) / sum1, self.epsilon * sqrt(sum2)


_BY_NAME: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam}


def get_optimizer(spec: str | Optimizer, learning_rate: float | None = None) -> Optimizer:
    """The optimiser of this name, or `spec` itself if it is one already."""
    if isinstance(spec, Optimizer):
        return spec
    if not isinstance(spec, str):
        raise ArgumentError(
            f"an optimizer is a name or an object such as xpnet.SGD(0.1), got {spec!r}."
        )
    if spec not in _BY_NAME:
        raise UnknownNameError("optimizer", spec, _BY_NAME)
    return _BY_NAME[spec]() if learning_rate is None else _BY_NAME[spec](learning_rate)
