"""Convert users' values to the targets of losses, and outputs to values."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from xpnet.backends.data_types import dtype_name, tells_apart
from xpnet.errors import ArgumentError
from xpnet.estimators.array_library import library, moved, on_host
from xpnet.estimators.heads import Head

__all__ = ["Scale", "Values", "column_count"]


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation (1 if constant) of each target column, on the host."""

    mean: Any
    deviation: Any

    @classmethod
    def of(cls, y: Any) -> "Scale":
        """The scale of these targets."""
        columns = on_host(y).reshape(y.shape[0], -1).astype("float64")
        deviation = columns.std(axis=0)
        varies = (deviation > 0) & (columns.min(axis=0) < columns.max(axis=0))
        return cls(columns.mean(axis=0), np.where(varies, deviation, 1.0))

    def like(self, x: Any) -> tuple[Any, Any]:
        """Mean and deviation with the library and dtype of x."""
        found = library(x)
        mean, deviation = (
            found.xp.astype(found.asarray(a), x.dtype) for a in (self.mean, self.deviation)
        )
        return mean, deviation

    def applied(self, y: Any) -> Any:
        """Targets as columns of mean 0 and deviation 1, in float64 on the host."""
        columns = on_host(y).reshape(y.shape[0], -1).astype("float64")
        return (columns - self.mean) / self.deviation

    def check(self, dtype: str) -> None:
        """Raise unless numbers of this type can hold the targets.

        Raises
        ------
        ArgumentError
            If the type merges them.
        """
        for mean, deviation in zip(self.mean, self.deviation, strict=True):
            if deviation != 1 and not tells_apart(dtype, mean, deviation):
                raise ArgumentError(
                    f"the targets have a mean of {mean:.3g} and a standard deviation of "
                    f"{deviation:.3g}, and {dtype} has too few digits for their differences. Fit "
                    "with dtype='float64', or convert estimator.model_, whose outputs are "
                    "standardized."
                )


@dataclass(frozen=True)
class Values:
    """The targets of a regressor.

    Attributes
    ----------
    columns : int
        Number of targets per sample.
    levels : array, optional
        The quantiles to predict instead of the mean.
    scale : Scale, optional
        The scale of the targets, if training standardizes them.
    """

    columns: int
    levels: Any = None
    scale: Scale | None = None

    def check(self, y: Any, name: str = "y_val") -> None:
        """Raise unless y has `columns` columns.

        Raises
        ------
        ArgumentError
            If it does not.
        """
        columns = column_count(y)
        if columns != self.columns:
            raise ArgumentError(f"{name} has {columns} columns, but the fit used {self.columns}.")

    def encode(self, y: Any, head: Head, X: Any) -> Any:
        """The values as columns, with the library and dtype of X."""
        like = library(X)
        if self.scale is not None:  # first: the type of X may merge values that differ
            return like.asarray(self.scale.applied(y), dtype_name(X.dtype))
        return like.xp.astype(like.xp.reshape(moved(y, X), (y.shape[0], -1)), X.dtype)

    def decode(self, output: Any, head: Head) -> Any:
        """Values in the user's units; a vector if there is one per sample.

        Values of scaled targets have the library's most precise type, whatever the output's.
        """
        found = library(output)
        if self.scale is not None:
            output = found.xp.astype(output, found.dtype(found.widest))
        values = self.values(output, head)
        return values[:, 0] if values.shape[1] == 1 else values

    def values(self, output: Any, head: Head) -> Any:
        """Columns of values in the user's units, from an output; the output may be symbolic."""
        values = head.activate(output)
        if self.scale is None:
            return values
        mean, deviation = self.scale.like(values)
        return values * deviation + mean

    def on_host(self) -> Self:
        """The object itself: all its arrays are on the host."""
        return self


def column_count(y: Any) -> int:
    """The number of targets per sample."""
    return 1 if y.ndim == 1 else int(y.shape[1])
