"""What users give, checked by scikit-learn's rules, as arrays of one library: that of X."""

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils._array_api import get_namespace
from sklearn.utils.validation import _check_n_features, _check_sample_weight, validate_data

from xpnet.backends import Backend, backend_of, dtype_name, get, resolve
from xpnet.errors import ArgumentError, DataError

__all__ = [
    "Samples",
    "admit",
    "admit_inputs",
    "admit_weights",
    "backend_for",
    "check_library",
    "library",
    "moved",
    "on_host",
    "taken",
]


@dataclass(frozen=True)
class Samples:
    """Checked samples: inputs, what the user gave as targets, targets for the loss, weights."""

    X: Any
    y: Any
    target: Any
    weight: Any = None

    @property
    def rows(self) -> int:
        """Number of samples."""
        return int(self.X.shape[0])

    def rows_at(self, index: Any) -> "Samples":
        """The samples with these numbers."""
        given = (self.X, self.y, self.target, self.weight)
        return Samples(*(None if a is None else taken(a, index) for a in given))

    @property
    def validation(self) -> tuple[Any, ...]:
        """As `Model.fit` takes validation data."""
        return self.X, self.target, self.weight


def library(x: Any) -> Backend:
    """The library of an array; NumPy for everything else."""
    return backend_of(x) or get("numpy")


def backend_for(name: str | ModuleType | None, X: Any) -> Backend:
    """The backend by the name of it or of an Array API library; None follows X.

    Raises
    ------
    ArgumentError
        If it is neither, or a module: those cannot be cloned or pickled.
    """
    if isinstance(name, ModuleType):
        raise ArgumentError(f"backend must be a name, got a module: give {name.__name__!r}.")
    if name is None or name in ("numpy", "cupy", "auto") or str(name).startswith("cupy:"):
        return resolve(name, X)
    for module in (f"array_api_compat.{name}", name):
        try:
            found = import_module(module)
        except (ImportError, TypeError, ValueError):  # the last two where it can be no module's
            continue
        return resolve(found, X)
    return resolve(name, X)  # raises, with the valid names


def on_host(x: Any) -> Any:
    """The array in NumPy."""
    found = backend_of(x)
    return np.asarray(x) if found is None else np.asarray(found.to_numpy(x))


def moved(x: Any, like: Any) -> Any:
    """The array in the library, and on the device, of another."""
    wanted = library(like)
    return x if library(x).name == wanted.name else wanted.asarray(on_host(x))


def taken(x: Any, index: Any) -> Any:
    """Rows of an array, by their numbers on the host."""
    found = library(x)
    if found.name == "numpy":
        return x[index]
    return found.xp.take(x, found.asarray(index, "int64"), axis=0)


def _direct(X: Any) -> bool:
    """Whether X stays in its library though scikit-learn was not told to: on a GPU, by CuPy."""
    return library(X).name.startswith("cupy") and not get_config()["array_api_dispatch"]


def _floats(X: Any) -> list[Any]:
    xp, _ = get_namespace(X)
    return [xp.float64, xp.float32]


def _dense(X: Any) -> Any:
    return X.toarray() if hasattr(X, "toarray") else X


def admit_inputs(estimator: Any, X: Any, *, reset: bool = False) -> Any:
    """Samples without targets: two-dimensional, dense, float32 or float64, finite."""
    if _direct(X):
        return _admit_direct(estimator, X, reset)
    given = {"accept_sparse": ["csr", "csc"], "dtype": _floats(X), "reset": reset}
    return _dense(validate_data(estimator, X, **given))


def admit(estimator: Any, X: Any, y: Any, *, reset: bool, numeric: bool) -> tuple[Any, Any]:
    """Samples and targets; a column of targets becomes a vector."""
    if _direct(X):
        return _admit_direct(estimator, X, reset), _vector(y if backend_of(y) else np.asarray(y))
    given = {"accept_sparse": ["csr", "csc"], "multi_output": True, "y_numeric": numeric}
    X, y = validate_data(estimator, X, y, dtype=_floats(X), reset=reset, **given)
    return _dense(X), _vector(_dense(y))


def _vector(y: Any) -> Any:
    if y.ndim != 2 or y.shape[1] != 1:
        return y
    import warnings

    from sklearn.exceptions import DataConversionWarning

    warnings.warn(
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y "
        "to (n_samples, ), for example using ravel().",
        DataConversionWarning,
        stacklevel=6,
    )
    return library(y).xp.reshape(y, (-1,))


def _admit_direct(estimator: Any, X: Any, reset: bool) -> Any:
    """The same rules for an array that is not to leave its library."""
    if X.ndim != 2:
        raise DataError(f"Expected 2D array, got {X.ndim}D array instead: reshape X.")
    found = library(X)
    if 0 in X.shape or not bool(found.xp.all(found.xp.isfinite(X))):
        raise DataError(f"X of shape {tuple(X.shape)} is empty, or contains NaN or infinity.")
    _check_n_features(estimator, X, reset=reset)
    return X if dtype_name(X.dtype) == "float32" else found.asarray(X, "float64")


def admit_weights(weight: Any, X: Any) -> Any:
    """A weight for each sample, in the library of X; None for none."""
    if weight is None:
        return None
    if _direct(X):
        return moved(weight if backend_of(weight) else np.asarray(weight, dtype="float64"), X)
    given = moved(weight, X) if backend_of(weight) is not None else weight
    return moved(_check_sample_weight(given, X), X)


def check_library(estimator: Any, X: Any, fitted: Any, method: str) -> None:
    """Raise unless X is of the library that the estimator was fitted in.

    Raises
    ------
    DataError
        If it is of another, while scikit-learn's array_api_dispatch is on.
    """
    names = library(X).name, library(fitted).name
    if estimator.backend is not None or resolve(None, X).name == names[1]:
        return
    if not (get_config()["array_api_dispatch"] or any(n.startswith("cupy") for n in names)):
        return
    raise DataError(
        f"Inputs passed to {type(estimator).__name__}.{method}() must use the same namespace and "
        f"the same device as those passed to fit(): {names[1]} there, {names[0]} here. Convert X."
    )
