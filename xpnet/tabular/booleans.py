"""A column of truth values as numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import DataError
from xpnet.tabular.cells import BOOLEANS, shown
from xpnet.tabular.column import Column

__all__ = ["WORDS", "as_booleans"]

WORDS = {"0": 0.0, "1": 1.0} | {word: float(value) for word, value in BOOLEANS.items()}


def as_booleans(column: Column) -> NDArray[np.float64]:
    """1 for true, 0 for false, NaN where missing; the cells may be words, truth values, 0 and 1.

    Raises
    ------
    DataError
        For anything else; it names the cell.
    """
    codes, values = column.texts()
    found = np.array([*(WORDS.get(v.lower(), np.inf) for v in values), np.nan])[codes]
    wrong: Any = np.isinf(found)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{column.place(row)}: expected true or false, found {shown(values[codes[row]])}. "
            "Correct it, or train again with the column as a category."
        )
    return found
