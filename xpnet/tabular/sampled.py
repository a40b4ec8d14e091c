"""Some rows of a table, for what would take too long on all."""

import numpy as np

from xpnet.arguments import count
from xpnet.errors import DataError
from xpnet.tabular.table import Table
from xpnet.tabular.table_model import TableLike, table_of

__all__ = ["some_rows"]


def some_rows(table: TableLike, rows: int, seed: int) -> Table:
    """At most so many rows, drawn without replacement, in the table's order.

    Raises
    ------
    DataError
        If there are none.
    """
    most, whole = count("rows", rows), table_of(table)
    if not whole.rows:
        raise DataError(f"{whole.source} has no rows.")
    if whole.rows <= most:
        return whole
    drawn = np.random.default_rng(seed).choice(whole.rows, most, replace=False)
    return whole.take(np.sort(drawn))
