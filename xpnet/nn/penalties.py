"""Penalties on parameters: each adds a scalar to the loss.

The loss that `fit` and `evaluate` report includes the penalties of the trained parameters, but
not the penalties of frozen ones.
"""

from dataclasses import dataclass
from typing import Any

from xpnet import ops
from xpnet.arguments import flag, number
from xpnet.graph import Value

__all__ = ["L1", "L2"]


@dataclass(frozen=True)
class L1:
    """rate sum |w|, which pulls small weights to 0 (the lasso; Tibshirani 1996).

    Parameters
    ----------
    rate : float, default 0.01
        At least 0.

    Raises
    ------
    ArgumentError
        If `rate` is negative or not a finite number.
    """

    rate: float = 0.01

    def __post_init__(self) -> None:
        number("L1: rate", self.rate, 0)

    def __call__(self, w: Value) -> Any:
        return self.rate * ops.sum(ops.abs(w))


@dataclass(frozen=True)
class L2:
    """rate / 2 sum w**2, whose gradient is rate w (ridge regression, weight decay).

    An optimizer's ``weight_decay=rate`` has the same effect on all weights, but does not change the
    reported loss.

    Parameters
    ----------
    rate : float, default 0.01
        At least 0.
    per_sample : bool, default False
        Whether training divides the penalty by the number of samples in the batch, or by the sum of
        their weights. It then counts as much as one sample, as scikit-learn's ``alpha`` does.

    Raises
    ------
    ArgumentError
        If `rate` is negative or not a finite number.
    """

    rate: float = 0.01
    per_sample: bool = False

    def __post_init__(self) -> None:
        number("L2: rate", self.rate, 0)
        flag("L2: per_sample", self.per_sample)

    def __call__(self, w: Value) -> Any:
        return (self.rate / 2) * ops.sum_squares(w)
