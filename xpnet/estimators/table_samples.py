"""Tables and targets as users give them to an estimator, and the rows for validation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    _check_sample_weight,
)

from xpnet.backends.readable import check_given, foreign_errors, host_array
from xpnet.data.batch_stream import BatchStream
from xpnet.data.row_source import Source
from xpnet.errors import DataError, DTypeError
from xpnet.tabular import Table, as_table

__all__ = ["read_table", "rows_for_validation", "weights_of"]

_FEWEST = 30  # rows; of fewer, none are held out


def read_table(estimator: Any, X: Any, *, reset: bool) -> Table:
    """The table that X holds; sets `n_features_in_` and `feature_names_in_`, or checks an array.

    Raises
    ------
    ValueError, TypeError
        If it is not a table, or is sparse.
    """
    with foreign_errors("X"):
        named, sparse = _is_frame(X), hasattr(X, "toarray")
    if sparse:
        raise TypeError(
            f"{type(estimator).__name__} does not take sparse data: use X.toarray(), or a data "
            "frame."
        )
    if isinstance(X, Source | BatchStream):
        raise DataError(
            f"{type(estimator).__name__} reads whole tables: give X[0:len(X)] of a source that "
            "fits into memory, or use MLPClassifier, MLPRegressor or xpnet.Model."
        )
    if not named:
        check_given("X", X)
        with foreign_errors("X", "sklearn", "numpy", "scipy", "xpnet"):
            X = check_array(X, dtype=None, ensure_all_finite=False, estimator=estimator)
        _check_n_features(estimator, X, reset=reset)
    table = as_table(X)
    if reset:
        estimator.n_features_in_ = len(table.columns)
        _check_feature_names(estimator, X if hasattr(X, "columns") else None, reset=True)
    if not table.rows or not table.columns:
        raise DataError(f"{table.source} has {table.rows} rows and {len(table.columns)} columns.")
    return table


def _is_frame(X: Any) -> bool:
    """Whether the columns of X have names."""
    if isinstance(X, Table | Mapping) or hasattr(X, "columns"):
        return True
    if hasattr(X, "__dataframe__") or hasattr(X, "__arrow_c_stream__"):
        return True
    return isinstance(X, Sequence) and len(X) > 0 and isinstance(X[0], Mapping)


def weights_of(weight: Any, rows: int) -> NDArray[np.float64] | None:
    """A weight of at least 0 for each row; None if there are none.

    Raises
    ------
    ValueError
        If they are not numbers of at least 0, or all are 0.
    """
    if weight is None:
        return None
    weight = host_array("sample_weight", weight)
    if weight.dtype.kind == "c":
        raise DTypeError("sample_weight must hold real numbers, got complex ones.")
    found: NDArray[np.float64] = _check_sample_weight(
        weight, np.empty((rows, 1)), dtype=np.float64, ensure_non_negative=True
    )
    return found


def rows_for_validation(
    rows: int, fraction: float, classes: NDArray[Any] | None, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows for training, and those that are held out: about this share of them.

    Of each class about this share is held out, and at least one row is left. Of fewer than 30 rows
    none are held out.
    """
    rng, every = np.random.default_rng(seed), np.arange(rows)
    if rows < _FEWEST or not fraction:
        return every, every[:0]
    order = rng.permutation(rows)
    if classes is not None:
        order = order[np.argsort(classes[order], kind="stable")]
        last = np.append(classes[order][1:] != classes[order][:-1], True)
        order = order[~last]  # one row of each class is not drawn
    # Evenly spaced, so that rows of one class are drawn in proportion.
    spots = (np.arange(round(fraction * rows)) + rng.random()) * (len(order) / (fraction * rows))
    held = np.sort(order[np.unique(spots.astype(np.intp)[spots < len(order)])])
    return np.setdiff1d(every, held), held
