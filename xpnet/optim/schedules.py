"""Schedules: functions of the time in epochs, counted from 0, such as learning rates.

The time is the number of finished epochs plus the finished share of the current one.
"""

from dataclasses import dataclass
from math import inf, pow
from typing import Any, ClassVar

from xpnet.arguments import count, is_function, number, positive
from xpnet.errors import ArgumentError, in_brief
from xpnet.typing import Schedule

__all__ = [
    "Constant",
    "ExponentialDecay",
    "InverseScaling",
    "InverseTimeDecay",
    "PolynomialDecay",
    "Scaled",
    "Schedule",
    "StepDecay",
    "Warmup",
    "schedule",
    "time_of",
]


def schedule(spec: float | Schedule) -> Schedule:
    """A schedule from a number or from any function of the epoch."""
    given: Any = spec
    found: Schedule = given if is_function(given) else Constant(given)
    return found


def time_of(epoch: float) -> float:
    """The time at which a schedule is asked for its number: finite, at least 0."""
    if type(epoch) is float and 0 <= epoch < inf:
        return epoch  # `number` would take a microsecond in every step
    return number("epoch", epoch, 0)


def _check_decay(rate: float, factor: float) -> None:
    positive("learning_rate", rate)
    if positive("factor", factor) > 1:
        raise ArgumentError(f"factor must be in (0, 1], got {in_brief(factor)}.")


@dataclass(frozen=True)
class Constant:
    """The same learning rate at all times."""

    rate: float

    def __post_init__(self) -> None:
        positive("learning_rate", self.rate)

    def __call__(self, epoch: float) -> float:
        return self.rate


@dataclass(frozen=True)
class StepDecay:
    """rate * factor ** floor(epoch / every).

    Parameters
    ----------
    rate : float
        Initial learning rate, greater than 0.
    factor : float, default 0.1
        In (0, 1].
    every : int, default 10
        Epochs between two drops, at least 1.
    """

    rate: float
    factor: float = 0.1
    every: int = 10

    def __post_init__(self) -> None:
        _check_decay(self.rate, self.factor)
        count("every", self.every)

    def __call__(self, epoch: float) -> float:
        epoch = time_of(epoch)
        return self.rate * pow(self.factor, epoch // self.every)


@dataclass(frozen=True)
class ExponentialDecay:
    """rate * factor ** (epoch / every).

    Parameters
    ----------
    rate : float
        Initial learning rate, greater than 0.
    factor : float
        In (0, 1].
    every : float, default 1
        Number of epochs per multiplication by `factor`, greater than 0.
    """

    rate: float
    factor: float
    every: float = 1

    varies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_decay(self.rate, self.factor)
        positive("every", self.every)

    def __call__(self, epoch: float) -> float:
        epoch = time_of(epoch)
        return self.rate * pow(self.factor, epoch / self.every)


@dataclass(frozen=True)
class InverseTimeDecay:
    """rate / (1 + decay * epoch / every).

    Parameters
    ----------
    rate : float
        Initial learning rate, greater than 0.
    decay : float
        At least 0.
    every : float, default 1
        Epochs, greater than 0.
    """

    rate: float
    decay: float
    every: float = 1

    varies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("learning_rate", self.rate)
        number("decay", self.decay, 0)
        positive("every", self.every)

    def __call__(self, epoch: float) -> float:
        epoch = time_of(epoch)
        return self.rate / (1 + self.decay * epoch / self.every)


@dataclass(frozen=True)
class InverseScaling:
    """rate / (1 + epoch) ** power.

    Parameters
    ----------
    rate : float
        Initial learning rate, greater than 0.
    power : float, default 0.5
        At least 0.

    Notes
    -----
    Source: the schedule ``"invscaling"`` of scikit-learn's MLPClassifier, there a function of
    the samples seen.
    """

    rate: float
    power: float = 0.5

    varies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("learning_rate", self.rate)
        number("power", self.power, 0)

    def __call__(self, epoch: float) -> float:
        epoch = time_of(epoch)
        return self.rate * pow(1 + epoch, -self.power)  # 0 rather than an overflow


@dataclass(frozen=True)
class PolynomialDecay:
    """final + (rate - final) * (1 - min(epoch / epochs, 1)) ** power.

    Parameters
    ----------
    rate : float
        Initial learning rate, greater than 0.
    final : float
        The learning rate from `epochs` on; at least 0.
    epochs : float
        Greater than 0.
    power : float, default 1
        Greater than 0; 1 is a straight line.
    """

    rate: float
    final: float
    epochs: float
    power: float = 1

    varies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("learning_rate", self.rate)
        number("final", self.final, 0)
        positive("epochs", self.epochs)
        positive("power", self.power)

    def __call__(self, epoch: float) -> float:
        epoch = time_of(epoch)
        left = 1 - min(epoch / self.epochs, 1.0)
        return self.final + (self.rate - self.final) * pow(left, self.power)


@dataclass(frozen=True)
class Warmup:
    """A straight line up to another schedule's initial learning rate, then that schedule.

    then(0) * (start + (1 - start) * epoch / epochs) at first, then(epoch - epochs) afterwards.

    Parameters
    ----------
    then : float or callable
        A learning rate or a schedule.
    epochs : float
        Length of the line, greater than 0.
    start : float, default 0
        Where the line begins, as a share of then(0), in [0, 1).

    Notes
    -----
    Source: Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour",
    arXiv:1706.02677, 2017.
    """

    then: float | Schedule
    epochs: float
    start: float = 0.0

    varies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "then", schedule(self.then))
        positive("epochs", self.epochs)
        number("start", self.start, 0, 1)

    def __call__(self, epoch: float) -> float:
        epoch = time_of(epoch)
        then = schedule(self.then)
        if epoch >= self.epochs:
            return then(epoch - self.epochs)
        return then(0.0) * (self.start + (1 - self.start) * epoch / self.epochs)


@dataclass(frozen=True)
class Scaled:
    """Another schedule's learning rate, times a factor greater than 0."""

    schedule: float | Schedule
    factor: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "schedule", schedule(self.schedule))
        positive("factor", self.factor)

    @property
    def varies(self) -> bool:
        """Whether the other schedule is called in every step."""
        return bool(getattr(self.schedule, "varies", False))

    def __call__(self, epoch: float) -> float:
        return self.factor * schedule(self.schedule)(epoch)
