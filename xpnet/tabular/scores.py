"""Scores of predictions, computed with NumPy in float64."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["class_scores", "value_scores"]

_SMALLEST = 1e-15  # a probability of 0 would make the log loss infinite


def class_scores(true: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, float]:
    """Log loss, accuracy, and accuracy averaged over the classes that occur."""
    chosen = probabilities.argmax(axis=1)
    right = (chosen == true) & np.isfinite(probabilities).all(axis=1)
    picked = probabilities[np.arange(len(true)), true]
    each = [right[true == k].mean() for k in np.unique(true)]
    return {
        "log_loss": float(-np.log(np.clip(picked, _SMALLEST, None)).mean()),
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(np.mean(each)),
    }


def value_scores(true: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float]:
    """Mean squared error, its root, mean absolute error, and R2 (NaN if all values are equal)."""
    errors = predicted - true
    mse, spread = float(np.mean(errors**2)), float(np.var(true))
    return {
        "mse": mse,
        "rmse": mse**0.5,
        "mae": float(np.mean(np.abs(errors))),
        "r2": 1 - mse / spread if spread > 0 else float("nan"),
    }
