"""Values that are so far from the training data that float32 cannot hold them, once scaled."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import DataError
from xpnet.tabular.schema import Schema
from xpnet.tabular.table import Table

__all__ = ["finite_inputs", "first_far_value"]


def finite_inputs(
    table: Table, schema: Schema, inputs_of: Callable[[NDArray[np.float64]], NDArray[Any]]
) -> NDArray[Any]:
    """The network's inputs for the rows of a table; see `first_far_value`.

    Raises
    ------
    DataError
        If they cannot hold a value; the message names its row and column.
    """
    encoded = schema.encode(table)
    inputs = inputs_of(encoded)
    if not np.isfinite(inputs).all():
        found = first_far_value(inputs_of, encoded)
        if found is not None:
            place = table.place(found[0], schema.used[found[1]].name)
            raise DataError(
                f"{place}: {encoded[found]:g} is too far from the values in the training data for "
                f"{inputs.dtype}. Correct it, or leave the cell empty if it is missing."
            )
    return inputs


def first_far_value(
    inputs_of: Callable[[NDArray[np.float64]], NDArray[Any]], encoded: NDArray[np.float64]
) -> tuple[int, int] | None:
    """The row and the encoded column of a value that the network's inputs cannot hold.

    Parameters
    ----------
    inputs_of : callable
        Turns encoded rows into the network's inputs.
    encoded : ndarray of float64
        Encoded rows.
    """
    finite = np.isfinite(inputs_of(encoded)).all(axis=1)
    if finite.all():
        return None
    row = int(finite.argmin())
    values = encoded[row].copy()
    for i in np.flatnonzero(np.isfinite(values)).tolist():
        values[i] = np.nan  # as if it were missing
        if np.isfinite(inputs_of(values[None])).all():
            return row, i
    return None
