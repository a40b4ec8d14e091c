"""Schedules that follow a cosine."""

from dataclasses import dataclass
from math import cos, log2, pi
from typing import ClassVar

from xpnet.arguments import count, number, positive
from xpnet.errors import ArgumentError, in_brief
from xpnet.optim.schedules import time_of

__all__ = ["CosLog", "CosineDecay", "CosineRestarts", "FlatCosine", "OneCycle"]


def _between(first: float, last: float, share: float) -> float:
    """The value between `first` and `last` after this share of half a cosine."""
    return last + (first - last) * (1 + cos(pi * min(share, 1.0))) / 2


@dataclass(frozen=True)
class CosineDecay:
    """final + (rate - final) * (1 + cos(pi * min(epoch / epochs, 1))) / 2.

    Parameters
    ----------
    rate : float
        Initial learning rate, greater than 0.
    epochs : float
        Greater than 0.
    final : float, default 0
        The learning rate from `epochs` on; at least 0.

    Notes
    -----
    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR
    2017, without the restarts.
    """

    rate: float
    epochs: float
    final: float = 0.0

    varies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("learning_rate", self.rate)
        positive("epochs", self.epochs)
        number("final", self.final, 0)

    def __call__(self, epoch: float) -> float:
        epoch = time_of(epoch)
        return _between(self.rate, self.final, epoch / self.epochs)


@dataclass(frozen=True)
class CosineRestarts:
    """A `CosineDecay` that restarts at its end; each cycle is `factor` times as long as the last.

    Parameters
    ----------
    rate : float
        Learning rate at each start, greater than 0.
    epochs : float
        Length of the first cycle, greater than 0.
    factor : float, default 2
        At least 1.
    final : float, default 0
        The learning rate that each cycle approaches, at least 0.

    Notes
    -----
    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR
    2017.
    """

    rate: float
    epochs: float
    factor: float = 2
    final: float = 0.0

    varies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("learning_rate", self.rate)
        positive("epochs", self.epochs)
        number("factor", self.factor, 1)
        number("final", self.final, 0)

    def __call__(self, epoch: float) -> float:
        epoch = time_of(epoch)
        time, length = epoch, self.epochs
        if self.factor == 1:
            time %= length
        while time >= length:
            time, length = time - length, length * self.factor
        return _between(self.rate, self.final, time / length)


@dataclass(frozen=True)
class OneCycle:
    """Half a cosine up to the peak, then half a cosine down to almost 0.

    The learning rate rises from peak * start_factor to peak in the first warmup * epochs. It then
    falls to peak * start_factor * final_factor at `epochs`, and stays there.

    Parameters
    ----------
    peak : float
        Largest learning rate, greater than 0.
    epochs : float
        Length of the whole cycle, greater than 0.
    start_factor : float, default 1/25
        Greater than 0.
    final_factor : float, default 1e-4
        The last learning rate as a share of the first, greater than 0.
    warmup : float, default 0.3
        Share of the cycle that rises, between 0 and 1.

    Notes
    -----
    Source: Smith and Topin, "Super-convergence: very fast training of neural networks using
    large learning rates", arXiv:1708.07120, 2017, with the two phases of torch's OneCycleLR.
    """

    peak: float
    epochs: float
    start_factor: float = 1 / 25
    final_factor: float = 1e-4
    warmup: float = 0.3

    varies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("learning_rate", self.peak)
        positive("epochs", self.epochs)
        positive("start_factor", self.start_factor)
        positive("final_factor", self.final_factor)
        if positive("warmup", self.warmup) >= 1:
            raise ArgumentError(f"warmup must be between 0 and 1, got {in_brief(self.warmup)}.")

    def __call__(self, epoch: float) -> float:
        epoch = time_of(epoch)
        start, top = self.peak * self.start_factor, self.warmup * self.epochs
        if epoch < top:
            return _between(start, self.peak, epoch / top)
        down = (epoch - top) / (self.epochs - top)
        return _between(self.peak, start * self.final_factor, down)


@dataclass(frozen=True)
class CosLog:
    """Cycles from 0 up to `rate` and back, each twice as long as the one before.

    rate * (1 - cos(2 pi log2(1 + (2**cycles - 1) t))) / 2 with t = min(epoch / epochs, 1).

    Parameters
    ----------
    rate : float
        The peak of each cycle, greater than 0.
    epochs : float
        Length of all cycles together, greater than 0. The value is 0 afterwards.
    cycles : int, default 4
        At least 1.

    Notes
    -----
    Source: Holzmüller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned MLPs and
    boosted trees on tabular data", NeurIPS 2024, where four cycles are called coslog4.
    """

    rate: float
    epochs: float
    cycles: int = 4

    varies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("rate", self.rate)
        positive("epochs", self.epochs)
        count("cycles", self.cycles, 1, 64)

    def __call__(self, epoch: float) -> float:
        epoch = time_of(epoch)
        share = min(epoch / self.epochs, 1.0)
        cycle = log2(1 + (2**self.cycles - 1) * share)
        return self.rate * (1 - cos(2 * pi * cycle)) / 2


@dataclass(frozen=True)
class FlatCosine:
    """`rate` for a share of the time, then half a cosine down to 0.

    rate up to flat * epochs, then rate * (1 + cos(pi min((t - flat) / (1 - flat), 1))) / 2 with
    t = epoch / epochs.

    Parameters
    ----------
    rate : float
        Initial value, greater than 0.
    epochs : float
        Greater than 0. The value is 0 afterwards.
    flat : float, default 0.5
        Share of the time with the initial value, in [0, 1).

    Notes
    -----
    Source: Holzmüller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned MLPs and
    boosted trees on tabular data", NeurIPS 2024, for dropout and weight decay.
    """

    rate: float
    epochs: float
    flat: float = 0.5

    varies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("rate", self.rate)
        positive("epochs", self.epochs)
        number("flat", self.flat, 0, 1)

    def __call__(self, epoch: float) -> float:
        epoch = time_of(epoch)
        start = self.flat * self.epochs
        if epoch <= start:
            return self.rate
        return _between(self.rate, 0.0, (epoch - start) / (self.epochs - start))
