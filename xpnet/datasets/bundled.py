"""Small data sets that come with scikit-learn; nothing is downloaded."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.arguments import count, is_real
from xpnet.datasets.dataset import Dataset
from xpnet.errors import ArgumentError, in_brief
from xpnet.optional import require

__all__ = ["digits", "iris"]


def digits(test_size: float = 0.2, seed: int = 0) -> Dataset:
    """Load 1,797 handwritten digits of 8 x 8 pixels, in ten classes.

    Parameters
    ----------
    test_size : float
        Fraction of the rows held out for the test, between 0 and 1. Every class gets its share.
    seed : int
        Seed of the split: the same seed gives the same rows.

    Returns
    -------
    Dataset
        Inputs of shape (n, 64) in [0, 1]: the pixels, 0 to 16, divided by 16.

    Raises
    ------
    MissingDependencyError
        If scikit-learn is not installed.
    ArgumentError
        If no such split exists.

    Notes
    -----
    Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998; its
    test part, as bundled with scikit-learn (``load_digits``).
    """
    X, y = _load("load_digits", "digits")
    return _split(X / 16, y, test_size, seed)


def iris(test_size: float = 0.2, seed: int = 0) -> Dataset:
    """Load 150 iris flowers, in three classes (setosa, versicolor, virginica).

    Parameters
    ----------
    test_size : float
        Fraction of the rows held out for the test, between 0 and 1. Every class gets its share.
    seed : int
        Seed of the split: the same seed gives the same rows.

    Returns
    -------
    Dataset
        Inputs of shape (n, 4): length and width of sepal and petal, in centimeters, not scaled.

    Raises
    ------
    MissingDependencyError
        If scikit-learn is not installed.
    ArgumentError
        If no such split exists.

    Notes
    -----
    Source: Fisher, "The use of multiple measurements in taxonomic problems", 1936, as bundled
    with scikit-learn (``load_iris``).
    """
    X, y = _load("load_iris", "iris")
    return _split(X, y, test_size, seed)


def _load(loader: str, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    datasets = require("sklearn.datasets", extra="sklearn", purpose=f"The {name} data set")
    X, y = getattr(datasets, loader)(return_X_y=True)
    return X, y


def _split(X: NDArray[Any], y: NDArray[Any], test_size: float, seed: int) -> Dataset:
    if not is_real(test_size) or not 0 < test_size < 1:
        raise ArgumentError(
            "test_size must be a fraction of the rows, greater than 0 and less than 1; "
            f"got {in_brief(test_size)}."
        )
    seed = count("seed", seed, 0, 2**32)
    selection = require("sklearn.model_selection", extra="sklearn", purpose="The split")
    try:
        X, X_test, y, y_test = selection.train_test_split(
            X.astype(np.float32),
            y.astype(np.int64),
            test_size=test_size,
            random_state=seed,
            stratify=y,
        )
    except ValueError as error:
        raise ArgumentError(
            f"no stratified split exists for test_size={in_brief(test_size)} and "
            f"seed={in_brief(seed)}: {error}"
        ) from error
    return Dataset(X, y, X_test, y_test)
