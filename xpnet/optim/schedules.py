"""Learning-rate schedules: functions of the epoch, counted from 0."""

from dataclasses import dataclass
from typing import Protocol

from xpnet.arguments import count, positive
from xpnet.errors import ArgumentError

__all__ = ["Constant", "Schedule", "StepDecay", "schedule"]


class Schedule(Protocol):
    """``schedule(epoch)`` is the learning rate of that epoch, the first being 0."""

    def __call__(self, epoch: int) -> float: ...


@dataclass(frozen=True)
class Constant:
    """The same learning rate in every epoch."""

    rate: float

    def __post_init__(self) -> None:
        positive("learning_rate", self.rate)

    def __call__(self, epoch: int) -> float:
        return self.rate


@dataclass(frozen=True)
class StepDecay:
    """rate * factor ** floor(epoch / every).

    Parameters
    ----------
    rate : float
        Learning rate of the first epochs, greater than 0.
    factor : float, default 0.1
        In (0, 1].
    every : int, default 10
        Epochs between two steps, at least 1.
    """

    rate: float
    factor: float = 0.1
    every: int = 10

    def __post_init__(self) -> None:
        positive("learning_rate", self.rate)
        if positive("factor", self.factor) > 1:
            raise ArgumentError(f"factor must be in (0, 1], got {self.factor!r}.")
        count("every", self.every)

    def __call__(self, epoch: int) -> float:
        return self.rate * self.factor ** (epoch // self.every)


def schedule(spec: float | Schedule) -> Schedule:
    """A schedule from a number or from any function of the epoch."""
    return spec if callable(spec) else Constant(spec)
