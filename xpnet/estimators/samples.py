"""Samples as users give them, and as validated by scikit-learn's rules."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.exceptions import DataConversionWarning
from sklearn.utils._array_api import get_namespace
from sklearn.utils.validation import _check_n_features, _check_sample_weight, validate_data

from xpnet.backends import backend_of, dtype_name
from xpnet.backends.readable import check_given, foreign_errors
from xpnet.data.given import check_times
from xpnet.errors import DataError
from xpnet.estimators.array_library import library, moved, take_rows
from xpnet.estimators.stored_samples import (
    FloatSource,
    beside,
    in_memory,
    refuse_stream,
    stored,
    validated,
)
from xpnet.warn import warn_user

__all__ = ["Given", "Samples", "validate_inputs", "validate_samples", "validate_weights"]


@dataclass(frozen=True)
class Given:
    """The arguments of one call of `fit`, `partial_fit` or `initialize`."""

    X: Any
    y: Any
    weight: Any = None
    X_val: Any = None
    y_val: Any = None
    weight_val: Any = None
    classes: Any = None
    partial: bool = False


@dataclass(frozen=True)
class Samples:
    """Validated samples: inputs, the user's targets, targets for the loss, weights."""

    X: Any
    y: Any
    target: Any
    weight: Any = None

    @property
    def rows(self) -> int:
        """Number of samples."""
        return int(self.X.shape[0])

    def rows_at(self, index: Any) -> "Samples":
        """The samples at these indices."""
        given = (self.X, self.y, self.target, self.weight)
        return Samples(*(None if a is None else take_rows(a, index) for a in given))

    @property
    def validation(self) -> tuple[Any, ...]:
        """The validation data for `Model.fit`."""
        return self.X, self.target, self.weight


def validate_inputs(estimator: Any, X: Any, *, reset: bool = False) -> Any:
    """Samples without targets: two-dimensional, dense or in CSR format, float32 or 64, finite."""
    source = stored(X)
    if source is not None:
        return validated(estimator, source, reset)
    _check("X", X)
    with _foreign("X"):
        if _stays_on_gpu(X):
            return _validate_on_gpu(estimator, X, reset)
        given = {"accept_sparse": "csr", "dtype": _floats(X), "reset": reset}
        return validate_data(estimator, X, **given)


def validate_samples(
    estimator: Any, X: Any, y: Any, *, reset: bool, numeric: bool
) -> tuple[Any, Any]:
    """Samples and targets; a column of targets becomes a vector."""
    source, y = stored(X), in_memory(y)
    if source is not None:
        _check("y", y, times=not numeric)
        with _foreign("y"):
            return validated(estimator, source, reset), _vector(beside(y, source))
    _check("X", X)
    _check("y", y, times=not numeric)
    with _foreign("X or y"):
        if _stays_on_gpu(X):
            y = y if backend_of(y) else np.asarray(y)
            return _validate_on_gpu(estimator, X, reset), _vector(y)
        given = {"accept_sparse": "csr", "multi_output": True, "y_numeric": numeric}
        X, y = validate_data(estimator, X, y, dtype=_floats(X), reset=reset, **given)
        return X, _vector(_dense(y))


def validate_weights(weight: Any, X: Any) -> Any:
    """A weight for each sample, in the library of X; None if there are none."""
    if weight is None:
        return None
    weight = in_memory(weight)
    if isinstance(X, FloatSource):
        return beside(weight, X).astype(X.dtype)
    _check("sample_weight", weight)
    with _foreign("sample_weight"):
        if _stays_on_gpu(X):
            return moved(weight if backend_of(weight) else np.asarray(weight, dtype="float64"), X)
        given = moved(weight, X) if backend_of(weight) is not None else weight
        return moved(_check_sample_weight(given, X), X)


def _check(name: str, data: Any, *, times: bool = False) -> None:
    """Refuse what is no array before it is read.

    Without `times`, dates and durations are refused too: scikit-learn turns them into counts.
    """
    refuse_stream(data)
    with _foreign(name):
        check_given(name, data)
        if isinstance(data, np.ma.MaskedArray) and np.ma.getmaskarray(data).any():
            raise DataError(f"{name} is a masked array; fill it with {name}.filled(...) first.")
        if not times:
            check_times(name, data)


def _foreign(name: str) -> AbstractContextManager[None]:
    """Replace the errors that are not scikit-learn's, as it reads these data."""
    return foreign_errors(name, "sklearn", "numpy", "scipy", "xpnet")


def _stays_on_gpu(X: Any) -> bool:
    """Whether X is a CuPy array that scikit-learn would refuse."""
    return library(X).name.startswith("cupy") and not get_config()["array_api_dispatch"]


def _validate_on_gpu(estimator: Any, X: Any, reset: bool) -> Any:
    """scikit-learn's rules for an array that must stay on its device."""
    if X.ndim != 2:
        raise DataError(f"Expected 2D array, got {X.ndim}D array instead: reshape X.")
    found = library(X)
    if 0 in X.shape or not bool(found.xp.all(found.xp.isfinite(X))):
        raise DataError(f"X of shape {tuple(X.shape)} is empty, or contains NaN or infinity.")
    _check_n_features(estimator, X, reset=reset)
    return X if dtype_name(X.dtype) == "float32" else found.asarray(X, "float64")


def _floats(X: Any) -> list[Any]:
    xp, _ = get_namespace(X)
    return [xp.float64, xp.float32]


def _dense(X: Any) -> Any:
    return X.toarray() if hasattr(X, "toarray") else X


def _vector(y: Any) -> Any:
    if y.ndim != 2 or y.shape[1] != 1:
        return y
    warn_user(
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y "
        "to (n_samples, ), for example using ravel().",
        DataConversionWarning,
    )
    return library(y).xp.reshape(y, (-1,))
