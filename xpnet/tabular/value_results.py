"""How good predicted values are: errors in the target's units."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["ValueResults"]


@dataclass(frozen=True, eq=False)
class ValueResults:
    """Errors of predicted values, in the target's units.

    Attributes
    ----------
    rows, unpredicted : int
        Number of rows, and of those whose prediction is NaN; the errors are then NaN too.
    mse, mae : float
        Mean squared and mean absolute error.
    deviation : float
        Standard deviation of the true values: the root of the mean squared error of always
        predicting their mean.
    quantiles : ndarray, one for each of `SHARES`
        Quantiles of the errors, predicted - true.
    """

    SHARES: ClassVar[tuple[float, ...]] = (0.05, 0.25, 0.5, 0.75, 0.95)

    rows: int
    unpredicted: int
    mse: float
    mae: float
    deviation: float
    quantiles: NDArray[np.float64]

    @classmethod
    def of(cls, true: NDArray[np.float64], predicted: NDArray[np.float64]) -> Self:
        """Compare two arrays of shape (n,)."""
        errors = predicted - true
        return cls(
            len(true),
            int(np.isnan(errors).sum()),
            float(np.mean(errors**2)),
            float(np.mean(np.abs(errors))),
            float(np.std(true)),
            np.quantile(errors, cls.SHARES),
        )

    @property
    def rmse(self) -> float:
        """Root of the mean squared error."""
        return math.sqrt(self.mse)

    @property
    def r2(self) -> float:
        """1 - mse / variance of the true values; NaN if these are all equal."""
        return 1 - self.mse / self.deviation**2 if self.deviation > 0 else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """All results as JSON has them, apart from NaN."""
        return {
            "rows": self.rows,
            "unpredicted": self.unpredicted,
            "mse": self.mse,
            "rmse": self.rmse,
            "mae": self.mae,
            "r2": self.r2,
            "deviation_of_target": self.deviation,
            "error_quantiles": {
                f"{share:g}": value
                for share, value in zip(self.SHARES, self.quantiles.tolist(), strict=True)
            },
        }
