"""The samples that early stopping sets aside."""

from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from xpnet.errors import DataError
from xpnet.estimators.data import Samples, on_host

__all__ = ["held_out"]


def held_out(estimator: Any, samples: Samples, random: np.random.RandomState) -> tuple[Any, Any]:
    """Numbers of the samples to train on and to validate on: those that scikit-learn chooses.

    Raises
    ------
    DataError
        If fewer than two would be validated on.
    ValueError
        If there are too few of one of two classes.
    """
    binary = getattr(estimator, "_labels", None) is not None and estimator.n_outputs_ == 1
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
