"""Learning-rate schedules: functions of the epoch, counted from 0."""

from dataclasses import dataclass
from typing import Protocol

from xpnet.errors import ArgumentError

__all__ = ["Constant", "Schedule", "StepDecay", "schedule"]


class Schedule(Protocol):
    """``schedule(epoch)`` is the learning rate of that epoch, the first being 0."""

    def __call__(self, epoch: int) -> float: ...


def _check_rate(rate: float) -> None:
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < float("inf"):
        raise ArgumentError(f"learning_rate must be a number greater than 0, got {rate!r}.")


@dataclass(frozen=True)
class Constant:
    """The same learning rate in every epoch."""

    rate: float

    def __post_init__(self) -> None:
        _check_rate(self.rate)

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
        _check_rate(self.rate)
        if not 0 < self.factor <= 1:
            raise ArgumentError(f"factor must be in (0, 1], got {self.factor!r}.")
        if isinstance(self.every, bool) or not isinstance(self.every, int) or self.every < 1:
            raise ArgumentError(f"every must be a whole number of at least 1, got {self.every!r}.")

    def __call__(self, epoch: int) -> float:
        return self.rate * self.factor ** (epoch // self.every)


def schedule(spec: float | Schedule) -> Schedule:
    """A schedule from a number or from any function of the epoch."""
    return spec if callable(spec) else Constant(spec)
