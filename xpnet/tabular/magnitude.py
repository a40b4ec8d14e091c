"""Numbers of a size that can be squared and scaled in float64."""

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import DataError
from xpnet.tabular.column import Column

__all__ = ["LARGEST", "SMALLEST", "numbers_of", "spread_or"]

SMALLEST = 1e-75  # of what is divided by
LARGEST = 1e75


def numbers_of(column: Column) -> NDArray[np.float64]:
    """The numbers of a column, NaN where missing.

    Raises
    ------
    DataError
        If a cell is not a number, or beyond 1e75; the message names it.
    """
    numbers = column.numbers()
    if (np.abs(numbers) > LARGEST).any():
        row = int(np.argmax(np.abs(numbers) > LARGEST))
        raise DataError(
            f"{column.place(row)}: expected a number of at most {LARGEST:g}, found "
            f"{numbers[row]:g}. Correct it, or leave the cell empty if it is missing."
        )
    return numbers


def spread_or(spread: float, otherwise: float) -> float:
    """A spread to divide by; another number if it is 0 or nearly so."""
    return float(spread) if spread > SMALLEST else otherwise
