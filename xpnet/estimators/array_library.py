"""Arrays of any library: find an array's library, and move arrays between libraries."""

from importlib import import_module
from types import ModuleType
from typing import Any, get_args

import numpy as np
from sklearn import get_config

from xpnet.backends import Backend, backend_of, get, resolve
from xpnet.errors import ArgumentError, DataError
from xpnet.typing import BackendName

__all__ = ["backend_for", "check_library", "library", "moved", "on_host", "take_rows"]


def library(x: Any) -> Backend:
    """The library of an array; NumPy for anything else."""
    return backend_of(x) or get("numpy")


def backend_for(name: str | ModuleType | None, X: Any) -> Backend:
    """The backend, or the Array API library, of this name; None means the library of X.

    Raises
    ------
    ArgumentError
        If there is neither, or if `name` is a module, which cannot be cloned or pickled.
    """
    if isinstance(name, ModuleType):
        raise ArgumentError(f"backend must be a name, got a module: give {name.__name__!r}.")
    if name is None or str(name).partition(":")[0] in get_args(BackendName):
        return resolve(name, X)
    for module in (f"array_api_compat.{name}", name):
        try:
            found = import_module(module)
        except (ImportError, TypeError, ValueError):  # the last two: not a module's name
            continue
        return resolve(found, X)
    return resolve(name, X)  # raises, with the valid names


def on_host(x: Any) -> Any:
    """The array as a NumPy array."""
    found = backend_of(x)
    return np.asarray(x) if found is None else np.asarray(found.to_numpy(x))


def moved(x: Any, like: Any) -> Any:
    """The array in the library and on the device of `like`."""
    wanted = library(like)
    return x if library(x).name == wanted.name else wanted.asarray(on_host(x))


def take_rows(x: Any, index: Any) -> Any:
    """Rows of an array, by indices on the host."""
    found = library(x)
    if found.name == "numpy":
        return x[index]
    return found.xp.take(x, found.asarray(index, "int64"), axis=0)


def check_library(estimator: Any, X: Any, fitted: Any, method: str) -> None:
    """Raise unless X is from the library that the estimator was fitted with.

    Raises
    ------
    DataError
        If X is from another library and scikit-learn's array_api_dispatch is on.
    """
    names = library(X).name, library(fitted).name
    if estimator.backend is not None or resolve(None, X).name == names[1]:
        return
    if not (get_config()["array_api_dispatch"] or any(n.startswith("cupy") for n in names)):
        return
    raise DataError(
        f"Inputs passed to {type(estimator).__name__}.{method}() must use the same namespace and "
        f"the same device as those passed to fit(): it got {names[1]}, X is {names[0]}. Convert X."
    )
