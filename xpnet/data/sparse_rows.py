"""Sparse samples: SciPy's sparse matrices, as rows that hold their non-zeros.

SciPy is never imported for them: whoever has such a matrix has imported it.
"""

import sys
from typing import Any, TypeGuard

from xpnet.backends import Backend, get
from xpnet.backends.readable import foreign_errors
from xpnet.errors import DataError, ShapeError
from xpnet.typing import Array

__all__ = [
    "bytes_of_rows",
    "column_sizes",
    "is_sparse",
    "mean_of",
    "sparse_rows",
    "touched_columns",
    "with_numbers",
]


def is_sparse(x: object) -> TypeGuard[Any]:
    """Whether `x` is a sparse matrix or a sparse array of SciPy."""
    library = sys.modules.get("scipy.sparse")
    return library is not None and bool(library.issparse(x))


def sparse_rows(name: str, X: Any, backend: Backend) -> Any:
    """The matrix in CSR format: sorted, without duplicates and stored zeros; X stays as it is.

    Raises
    ------
    DataError
        If the model does not compute with NumPy, or the matrix contradicts itself.
    ShapeError
        If it is not two-dimensional.
    """
    if backend.name != "numpy":
        raise DataError(
            f"{name} is sparse, which needs a model that computes with NumPy; this one computes "
            f"with {backend.name}. Make the model with backend='numpy', or give {name}.toarray()."
        )
    if X.ndim != 2:
        raise ShapeError(
            f"a sparse {name} must have the shape (samples, features), got {tuple(X.shape)}: give "
            f"{name}.toarray()."
        )
    with foreign_errors(name):
        rows = _checked(name, X.tocsr())
        whole = bool(rows.data.all())
        if not (whole and rows.has_canonical_format):
            rows = rows.copy()
            rows.sum_duplicates()
            rows.eliminate_zeros()
    return rows


def _checked(name: str, x: Any) -> Any:
    """The CSR matrix as another object, whose flags are its own; SciPy relies on what it checks."""
    try:
        rows = with_numbers(x, x.data)
        rows.check_format(full_check=True)
    except ValueError as error:
        raise DataError(
            f"{name} is a sparse matrix whose parts contradict each other ({error}): make it anew "
            "from rows, columns and numbers, such as with scipy.sparse.coo_array."
        ) from error
    return rows


def with_numbers(x: Any, numbers: Array, columns: Array = None, count: int | None = None) -> Any:
    """The rows with other numbers, or also in other columns, of which there are `count`."""
    shape = (x.shape[0], x.shape[1] if count is None else count)
    places = x.indices if columns is None else columns
    return sys.modules["scipy.sparse"].csr_array((numbers, places, x.indptr), shape=shape)


def touched_columns(x: Any) -> tuple[Array, Any]:
    """The columns that are not 0 in all rows, in ascending order; the rows without the others."""
    columns, places = get("numpy").xp.unique(x.indices, return_inverse=True)
    return columns, with_numbers(x, x.data, places, len(columns))


def mean_of(x: Any) -> float:
    """The mean of all numbers in double precision, zeros included."""
    return float(x.data.sum(dtype="float64") / (x.shape[0] * x.shape[1]))


def bytes_of_rows(x: Any) -> list[Array]:
    """What tells these rows apart from others, as arrays: their lengths, columns and numbers."""
    lengths = get("numpy").xp.diff(x.indptr)
    numbers = x.data.astype(x.data.dtype.newbyteorder("<"), copy=False)
    return [lengths.astype("<i8"), x.indices.astype("<i8"), numbers]


def column_sizes(x: Any) -> tuple[Array, Array]:
    """Of each column, the sum of the absolute numbers, and how many there are."""
    xp, count = get("numpy").xp, x.shape[1]
    sums = xp.bincount(x.indices, xp.abs(x.data.astype("float64")), minlength=count)
    return sums, xp.bincount(x.indices, minlength=count)
