"""Values that are so far from the training data that float32 cannot hold them, once scaled."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["first_far_value"]


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
