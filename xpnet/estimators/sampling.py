"""Choose the samples for training and for validation, and their order."""

from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import train_test_split

from xpnet.errors import DataError
from xpnet.estimators.array_library import on_host
from xpnet.estimators.samples import Samples

__all__ = ["RandomOrder", "held_out"]


def held_out(estimator: Any, samples: Samples, random: np.random.RandomState) -> tuple[Any, Any]:
    """Indices of the training and validation samples, as scikit-learn chooses them.

    Raises
    ------
    DataError
        If there would be fewer than two validation samples.
    ValueError
        If one of two classes has too few samples.
    """
    binary = is_classifier(estimator) and estimator.n_outputs_ == 1
    target = on_host(samples.target).reshape(samples.rows, -1)
    kept, held = train_test_split(
        np.arange(samples.rows),
        random_state=random,
        test_size=estimator.validation_fraction,
        stratify=target.astype(bool) if binary else None,
    )
    if len(held) < 2:
        raise DataError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    return kept, held


class RandomOrder:
    """The orders of the samples that scikit-learn draws; each shuffles the previous one."""

    def __init__(self, rows: int, random: np.random.RandomState) -> None:
        self._order, self._random = np.arange(rows), random

    def __call__(self, rows: int) -> Any:
        index = np.arange(rows)
        self._random.shuffle(index)
        self._order = self._order[index]
        return self._order
