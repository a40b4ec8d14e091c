"""Checks data at the door and puts them on the backend; bad data never reaches a step."""

from typing import Any

from xpnet.backends import Backend, backend_of, dtype_name
from xpnet.errors import DataError, DTypeError, ShapeError
from xpnet.nn import Loss
from xpnet.typing import Shape

__all__ = ["check_features", "check_target", "check_weights", "result_like", "to_backend"]


def to_backend(name: str, data: Any, backend: Backend) -> Any:
    """The data as an array of the backend, of whatever type they have."""
    if hasattr(data, "toarray") and hasattr(data, "nnz"):
        raise DataError(f"{name} is a sparse matrix; convert it with {name}.toarray().")
    if hasattr(data, "to_numpy") and not hasattr(data, "__array_namespace__"):
        data = data.to_numpy()  # a pandas or polars table
    given = backend_of(data)
    if given is None:
        given = _host()
        try:
            data = given.asarray(data)
        except (ValueError, TypeError) as error:
            raise DataError(f"{name} cannot be turned into an array: {error}.") from error
    if not dtype_name(data.dtype).startswith(("float", "int", "uint", "bool", "bfloat")):
        raise DTypeError(
            f"{name} must hold real numbers, got dtype {data.dtype}: encode them first."
        )
    return data if given.name == backend.name else _move(given, data, backend)


def _host() -> Backend:
    from xpnet.backends import get

    return get("numpy")


def _move(given: Backend, data: Any, backend: Backend) -> Any:
    return backend.asarray(given.to_numpy(data))


def _check_finite(name: str, x: Any, backend: Backend) -> None:
    if not bool(backend.xp.all(backend.xp.isfinite(x))):
        raise DataError(
            f"{name} contains NaN or infinity (or numbers too large for {dtype_name(x.dtype)}). "
            "Impute or remove them, or pass check_finite=False to let them through."
        )


def _check_rows(name: str, x: Any, rows: int | None) -> None:
    if x.ndim == 0:
        raise ShapeError(f"{name} must have one row a sample, got a single number.")
    if rows is not None and x.shape[0] != rows:
        raise DataError(f"X has {rows} samples, but {name} has {x.shape[0]}: they must agree.")


def check_features(
    X: Any, backend: Backend, dtype: str, features: Shape | None, finite: bool
) -> Any:
    """The inputs as an array of the backend and the model's type.

    Raises
    ------
    DataError, DTypeError, ShapeError
        If there are no samples or no features, not numbers, NaN or infinity (with `finite`), or
        a sample's shape is not `features`.
    """
    x = to_backend("X", X, backend)
    _check_rows("X", x, None)
    if 0 in x.shape:
        raise DataError(f"X is empty (shape {tuple(x.shape)}): at least one sample is needed.")
    if features is not None and tuple(x.shape[1:]) != features:
        raise ShapeError(
            f"each sample must have shape {features} as in training, X has shape "
            f"{tuple(x.shape)}, so samples of shape {tuple(x.shape[1:])}."
        )
    x = backend.asarray(x, dtype)
    if finite:
        _check_finite("X", x, backend)
    return x


def check_target(
    y: Any,
    rows: int,
    output: Shape,
    loss: Loss,
    backend: Backend,
    dtype: str,
    finite: bool,
    values: bool = True,
) -> Any:
    """The targets as an array of the backend, in the form that the loss takes.

    Parameters
    ----------
    output : tuple of int
        Shape of the network's output for one sample.
    values : bool
        Whether to read the values too (labels in range); this waits for a GPU.
    """
    t = to_backend("y", y, backend)
    _check_rows("y", t, rows)
    if dtype_name(t.dtype) == "bool":
        t = backend.asarray(t, "int64")
    integer = dtype_name(t.dtype).startswith(("int", "uint"))
    if loss.target == "classes" and (integer or t.ndim == 1) and tuple(t.shape[1:]) != output:
        return _labels(t, integer, output[-1], backend, values)
    if loss.target == "any" and integer:
        return backend.asarray(t, "int64")
    if t.ndim == 1 and output == (1,):
        t = backend.xp.reshape(t, (-1, 1))
    if tuple(t.shape[1:]) != output and loss.target != "any":
        raise ShapeError(
            f"{loss.name} expects y of shape {(rows, *output)}"
            + (f" or {(rows,)}" if output == (1,) else "")
            + f" for this network, got {tuple(t.shape)}."
        )
    t = backend.asarray(t, dtype)
    if finite:
        _check_finite("y", t, backend)
    if values:
        _check_range(t, loss, backend)
    return t


def _labels(t: Any, integer: bool, classes: int, backend: Backend, values: bool) -> Any:
    """Class numbers, checked to be 0 .. classes - 1."""
    if t.ndim != 1:
        raise ShapeError(
            f"labels must have shape (samples,), or (samples, {classes}) for the probability of "
            f"each class; got {tuple(t.shape)}."
        )
    if not integer:
        raise DTypeError(
            f"labels must be integers from 0 to {classes - 1}, got dtype {t.dtype}: convert them "
            "with y.astype('int64'), or use loss='mean_squared_error' for regression."
        )
    if values:
        low, high = int(backend.xp.min(t)), int(backend.xp.max(t))
        if low < 0 or high >= classes:
            raise DataError(
                f"labels must be integers from 0 to {classes - 1} (the network has {classes} "
                f"outputs), got values from {low} to {high}."
            )
    return backend.asarray(t, "int64")


def _check_range(t: Any, loss: Loss, backend: Backend) -> None:
    """Targets of a classification loss are probabilities."""
    if loss.target not in ("classes", "binary"):
        return
    xp = backend.xp
    low, high = float(xp.min(t)), float(xp.max(t))
    if low < 0 or high > 1:
        raise DataError(f"{loss.name} expects targets from 0 to 1, got from {low:g} to {high:g}.")
    if loss.target == "classes":
        worst = float(xp.max(xp.abs(xp.sum(t, axis=-1) - 1)))
        if worst > 1e-3:
            raise DataError(
                "each row of y holds the probabilities of the classes and must add up to 1; one "
                f"is off by {worst:g}."
            )


def check_weights(w: Any, rows: int, backend: Backend, dtype: str, values: bool = True) -> Any:
    """Sample weights as an array of the backend: one number >= 0 a sample, not all 0."""
    if w is None:
        return None
    w = backend.asarray(to_backend("sample_weight", w, backend), dtype)
    if tuple(w.shape) != (rows,):
        raise DataError(f"sample_weight must have shape ({rows},), got {tuple(w.shape)}.")
    if values:
        _check_finite("sample_weight", w, backend)
        if float(backend.xp.min(w)) < 0:
            raise DataError("sample_weight must not be negative.")
        if float(backend.xp.max(w)) == 0:
            raise DataError("sample_weight is 0 for every sample: nothing would be learned.")
    return w


def result_like(result: Any, backend: Backend, X: Any) -> Any:
    """The result in the library of the data that came in (NumPy for lists)."""
    wanted = backend_of(X) or _host()
    if wanted.name == backend.name:
        return result
    return wanted.asarray(backend.to_numpy(result))
