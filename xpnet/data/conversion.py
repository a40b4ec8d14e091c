"""Convert users' data to arrays of the backend, and results back to the users' library."""

from typing import Any

from xpnet.backends import Backend, backend_of, dtype_name, get
from xpnet.backends.readable import check_given, foreign_errors
from xpnet.data.given import check_times
from xpnet.data.refusals import text_in, why_not_numbers
from xpnet.data.sparse_rows import is_sparse, sparse_rows, with_numbers
from xpnet.errors import DataError, DTypeError, ShapeError, XpnetError
from xpnet.typing import Shape, size_of

__all__ = [
    "backend_for_data",
    "cast",
    "check_features",
    "check_finite",
    "check_rows",
    "result_like",
    "to_backend",
]


def to_backend(name: str, data: Any, backend: Backend) -> Any:
    """The data as an array of the backend, of their own data type."""
    if not backend.plain(data):
        with foreign_errors(name):
            return _converted(name, data, backend)
    _check_numbers(name, data, data)
    return data


def _converted(name: str, data: Any, backend: Backend) -> Any:
    """The data of any library as an array of the backend."""
    check_given(name, data)
    check_times(name, data)
    given, array = _admit(name, data)
    _check_numbers(name, data, array)
    return array if given.name == backend.name else _move(given, array, backend)


def _check_numbers(name: str, data: Any, array: Any) -> None:
    """Raise `DTypeError` unless an array holds real numbers."""
    if not dtype_name(array.dtype).startswith(("float", "int", "uint", "bool", "bfloat")):
        raise DTypeError(why_not_numbers(name, data, array))


def backend_for_data(backend: Backend, dtype: str, *data: Any) -> Backend:
    """Where data are kept: the backend, or NumPy for NumPy arrays that do not fit there.

    Arrays of another type than `dtype` are converted there, which takes memory for both.
    """
    if not backend.separate:
        return backend
    host = get("numpy")
    arrays = [a for a in data if host.owns(a)]
    need = sum(a.nbytes + (dtype_name(a.dtype) != dtype) * 8 * a.size for a in arrays)
    return backend if backend.fits(need) else host


def _admit(name: str, data: Any) -> tuple[Backend, Any]:
    """The user's data as an array, and its backend."""
    if hasattr(data, "toarray") and hasattr(data, "nnz"):
        raise DataError(f"{name} is a sparse matrix; convert it with {name}.toarray().")
    if hasattr(data, "mask") and hasattr(data, "filled"):
        raise DataError(f"{name} is a masked array; fill it with {name}.filled(...) first.")
    if hasattr(data, "to_numpy") and not hasattr(data, "__array_namespace__"):
        data = _from_table(name, data)
    given = backend_of(data)
    if given is not None:
        return given, data
    return get("numpy"), get("numpy").asarray(data)


def _from_table(name: str, data: Any) -> Any:
    """The numbers of a pandas or polars table or column."""
    array = data.to_numpy()
    if dtype_name(array.dtype) != "object":
        return array
    if name.endswith("y") and text_in(array) is not None:
        raise DTypeError(why_not_numbers(name, data, array))  # labels such as '0' are no numbers
    try:
        return array.astype("float64")  # columns of several number types, or nullable ones
    except (TypeError, ValueError) as error:
        raise DTypeError(why_not_numbers(name, data, array)) from error


def _move(given: Backend, data: Any, backend: Backend) -> Any:
    if dtype_name(data.dtype) == "bfloat16":
        data = given.asarray(data, "float32")
    return backend.asarray(given.to_numpy(data))


def cast(x: Any, backend: Backend, dtype: str) -> Any:
    """The backend's array in this type, in row-major order."""
    try:
        if dtype_name(x.dtype) == dtype:
            return backend.asarray(x, dtype)
        with backend.quiet():  # numbers that are too large become infinite, and are then refused
            return backend.asarray(x, dtype)
    except MemoryError as error:
        if isinstance(error, XpnetError):
            raise
        raise DataError(
            f"data of shape {tuple(x.shape)} as {dtype} do not fit into memory: give them in parts."
        ) from error


def check_finite(name: str, x: Any, backend: Backend) -> None:
    """Raise `DataError` for NaN and infinity."""
    if backend.finite(x):
        return
    raise DataError(
        f"{name} contains NaN or infinity (or numbers too large for {dtype_name(x.dtype)}). "
        "Impute or remove them, or pass check_finite=False to let them through."
    )


def check_rows(name: str, x: Any) -> None:
    """Raise `ShapeError` for a single number."""
    if x.ndim == 0:
        raise ShapeError(f"{name} must have one row per sample, got a single number.")


def check_features(
    name: str, X: Any, backend: Backend, dtype: str, features: Shape | None, finite: bool
) -> Any:
    """The inputs as an array of the backend and the model's type, or as sparse rows of the type.

    Raises
    ------
    DataError, DTypeError, ShapeError
        If there are no samples or no features, the data are not numbers, there is NaN or infinity
        (with `finite`), or a sample's shape is not `features`.
    """
    sparse = is_sparse(X)
    x = sparse_rows(name, X, backend) if sparse else to_backend(name, X, backend)
    check_rows(name, x)
    if 0 in x.shape:
        what = "sample" if x.shape[0] == 0 else "feature column"
        raise DataError(f"{name} is empty (shape {tuple(x.shape)}): it needs at least one {what}.")
    if features is not None and tuple(x.shape[1:]) != features:
        raise ShapeError(
            f"the model is for samples of shape {features}, but {name} has shape {tuple(x.shape)}, "
            f"so samples of shape {tuple(x.shape[1:])}{_way(name, tuple(x.shape), features)}."
        )
    numbers = x.data if sparse else x
    if sparse:
        _check_numbers(name, X, numbers)
    numbers = cast(numbers, backend, dtype)
    if finite:
        check_finite(name, numbers, backend)
    return with_numbers(x, numbers) if sparse else numbers


def _way(name: str, shape: Shape, features: Shape) -> str:
    """What to do about samples of another shape, if a remedy is known."""
    if shape == features:
        return f": give one sample as {name}[:1] or {name}[None]"
    if len(features) == 1 and size_of(shape[1:]) == features[0]:
        return (
            f": flatten them with {name}.reshape(len({name}), -1), or begin the network with "
            "xpnet.Flatten()"
        )
    return ""


def result_like(result: Any, backend: Backend, X: Any) -> Any:
    """The result in the library of the input data (NumPy for lists)."""
    wanted = backend_of(X) or get("numpy")
    if wanted.name == backend.name:
        return result
    host = backend.to_numpy(result)
    return wanted.asarray(host if host.flags.writeable else host.copy())
