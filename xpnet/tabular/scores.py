"""The scores by which models are compared, by name."""

import numpy as np
from numpy.typing import NDArray

from xpnet.tabular.class_results import ClassResults
from xpnet.tabular.value_results import ValueResults

__all__ = ["class_scores", "value_scores"]

_OF_CLASSES = ("log_loss", "accuracy", "balanced_accuracy")
_OF_VALUES = ("mse", "rmse", "mae", "r2")


def class_scores(true: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, float]:
    """Log loss, accuracy, and accuracy averaged over the classes that occur."""
    found = ClassResults.of(range(probabilities.shape[1]), true, probabilities)
    return {name: getattr(found, name) for name in _OF_CLASSES}


def value_scores(true: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, float]:
    """Mean squared error, its root, mean absolute error, and R2 (NaN if all values are equal)."""
    found = ValueResults.of(true, predicted)
    return {name: getattr(found, name) for name in _OF_VALUES}
