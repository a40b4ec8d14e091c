"""Layers that add noise to their input, only in training."""

from typing import Any

from xpnet import ops
from xpnet.arguments import is_function, number
from xpnet.graph import Value
from xpnet.nn.layer import Layer
from xpnet.typing import Schedule

__all__ = ["Dropout", "GaussianNoise"]


class Dropout(Layer):
    """In training, sets each number to 0 with probability `rate`, else divides it by 1 - rate.

    This preserves the mean. Outside training the input passes unchanged. The model's seed and
    the step number decide which numbers become 0; they are the same on every backend.

    Parameters
    ----------
    rate : float or callable, default 0.5
        In [0, 1); or a schedule, a function of the time in epochs, such as `FlatCosine`, which is
        called as a schedule of learning rates is.

    Raises
    ------
    ArgumentError
        If `rate` is not in [0, 1).

    Notes
    -----
    Source: Srivastava and others, "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15 (2014).
    """

    def __init__(self, rate: float | Schedule = 0.5) -> None:
        self.rate = rate if is_function(rate) else number("Dropout: rate", rate, 0, 1)

    def forward(self, x: Value) -> Any:
        """Apply dropout in training."""
        if not x.graph.settings.training or not self.rate:
            return x
        step, stream = x.graph.noise()
        if callable(self.rate):
            rate = x.graph.scheduled("Dropout: rate", self.rate, 1.0)
            return ops.scheduled_dropout(x, step, rate, **stream)
        return ops.dropout(x, step, rate=self.rate, **stream)


class GaussianNoise(Layer):
    """In training, adds numbers from N(0, std**2) to the input.

    Parameters
    ----------
    std : float or callable, default 0.1
        At least 0; or a schedule, as for `Dropout`.

    Raises
    ------
    ArgumentError
        If `std` is negative or not a finite number.

    Notes
    -----
    Source: Bishop, "Training with noise is equivalent to Tikhonov regularization", Neural
    Computation 7 (1995).
    """

    def __init__(self, std: float | Schedule = 0.1) -> None:
        self.std = std if is_function(std) else number("GaussianNoise: std", std, 0)

    def forward(self, x: Value) -> Any:
        """Add noise in training."""
        if not x.graph.settings.training or not self.std:
            return x
        step, stream = x.graph.noise()
        if callable(self.std):
            std = x.graph.scheduled("GaussianNoise: std", self.std)
            return ops.scheduled_gaussian_noise(x, step, std, **stream)
        return ops.gaussian_noise(x, step, std=self.std, **stream)
