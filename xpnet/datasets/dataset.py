"""The result of every loader of a well-known data set."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset"]


class Dataset(NamedTuple):
    """A labeled data set split in two: ``X, y, X_test, y_test = dataset``.

    Attributes
    ----------
    X : ndarray of float32, shape (n, features)
        Training inputs, one sample per row.
    y : ndarray of int64, shape (n,)
        Training labels, from 0 to classes - 1.
    X_test : ndarray of float32, shape (n_test, features)
        Inputs held out for the test.
    y_test : ndarray of int64, shape (n_test,)
        Labels held out for the test.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int64]
    X_test: NDArray[np.float32]
    y_test: NDArray[np.int64]
