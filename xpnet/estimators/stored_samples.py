"""Samples that are not in memory, as scikit-learn's rules see them."""

from typing import Any

import numpy as np
from sklearn.utils.validation import _check_n_features, check_consistent_length

from xpnet.data.batch_stream import BatchStream
from xpnet.data.row_source import Source, found_source
from xpnet.errors import DataError
from xpnet.typing import Array

__all__ = ["FloatSource", "beside", "in_memory", "refuse_stream", "stored", "validated"]


class FloatSource(Source):
    """A source in the type that scikit-learn would convert it to: float64, unless it is float32.

    Parameters
    ----------
    source : Source
    """

    def __init__(self, source: Source) -> None:
        self._source, self.shape, self.chunk = source, tuple(source.shape), source.chunk
        self.dtype = np.dtype("float32" if source.dtype == "float32" else "float64")

    def __getitem__(self, rows: slice) -> Array:
        return np.asarray(self._source[rows], self.dtype)

    def read(self, rows: slice, out: Array) -> None:
        self._source.read(rows, out)


def stored(X: Any) -> Source | None:
    """The source of data that are not in memory; None for others.

    A memory map in either type of float is used in place, whatever its layout: scikit-learn does.
    """
    if isinstance(X, np.memmap) and X.dtype in ("float32", "float64"):
        return None
    return found_source(X, "float32")


def validated(estimator: Any, source: Source, reset: bool) -> FloatSource:
    """The source, whose shape is checked; its numbers are checked as they are read."""
    if len(source.shape) != 2 or 0 in source.shape:
        raise DataError(
            f"X must have the shape (samples, features), both at least 1; its source has "
            f"{tuple(source.shape)}."
        )
    _check_n_features(estimator, source, reset=reset)
    return source if isinstance(source, FloatSource) else FloatSource(source)


def in_memory(y: Any) -> Any:
    """Targets or weights, read if they are a source."""
    return y[slice(0, len(y))] if isinstance(y, Source) else y


def beside(y: Any, X: Source) -> Array:
    """Targets or weights as an array with one for each row of X."""
    y = np.asarray(y)
    check_consistent_length(X, y)
    return y


def refuse_stream(X: Any) -> None:
    """Raise `DataError` for batches from a function."""
    if isinstance(X, BatchStream):
        raise DataError(
            "an estimator has to know all labels before it trains, so it takes no batches from a "
            "function: use xpnet.Model, or call partial_fit(X, y, classes=...) with each batch."
        )
