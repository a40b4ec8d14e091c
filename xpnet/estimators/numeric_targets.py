"""Between the values that users have and the targets that losses take."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from xpnet.errors import ArgumentError
from xpnet.estimators.array_library import library, moved, on_host
from xpnet.estimators.heads import Head

__all__ = ["Scale", "Values", "column_count"]


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of each target column, on the host; 1 for a constant one."""

    mean: Any
    deviation: Any

    @classmethod
    def of(cls, y: Any) -> "Scale":
        """That of targets."""
        columns = on_host(y).reshape(y.shape[0], -1).astype("float64")
        deviation = columns.std(axis=0)
        return cls(columns.mean(axis=0), np.where(deviation > 0, deviation, 1.0))

    def like(self, x: Any) -> tuple[Any, Any]:
        """Mean and deviation in the library and in the type of an array."""
        found = library(x)
        mean, deviation = (
            found.xp.astype(found.asarray(a), x.dtype) for a in (self.mean, self.deviation)
        )
        return mean, deviation


@dataclass(frozen=True)
class Values:
    """What a regressor predicts.

    Attributes
    ----------
    columns : int
        How many targets a sample has.
    levels : array, optional
        The quantiles that are predicted in place of the mean.
    scale : Scale, optional
        Where training has targets of mean 0 and standard deviation 1.
    """

    columns: int
    levels: Any = None
    scale: Scale | None = None

    def check(self, y: Any, name: str = "y_val") -> None:
        """Raise unless y has as many columns.

        Raises
        ------
        ArgumentError
            If it does not.
        """
        columns = column_count(y)
        if columns != self.columns:
            raise ArgumentError(f"{name} has {columns} columns, the fit has {self.columns}.")

    def encode(self, y: Any, head: Head, X: Any) -> Any:
        """The values as columns, in the library of X and in its type."""
        like = library(X)
        target = like.xp.astype(like.xp.reshape(moved(y, X), (y.shape[0], -1)), X.dtype)
        if self.scale is None:
            return target
        mean, deviation = self.scale.like(X)
        return (target - mean) / deviation

    def decode(self, output: Any, head: Head) -> Any:
        """Values in the users' unit; a vector if there is one for each sample."""
        values = head.activate(output)
        if self.scale is not None:
            mean, deviation = self.scale.like(values)
            values = values * deviation + mean
        return values[:, 0] if values.shape[1] == 1 else values

    def on_host(self) -> Self:
        """Itself: it has no arrays elsewhere."""
        return self


def column_count(y: Any) -> int:
    """How many targets a sample has."""
    return 1 if y.ndim == 1 else int(y.shape[1])
