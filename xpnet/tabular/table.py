"""A table: named columns of equal length."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from xpnet.arguments import count, elements, instance
from xpnet.backends.readable import host_numbers
from xpnet.errors import DataError, in_brief, nearest
from xpnet.tabular.cells import shown
from xpnet.tabular.column import Column, Place

__all__ = ["Table"]

_LISTED = 40


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns of equal length.

    Attributes
    ----------
    origin : Place
        Where its rows come from.
    columns : mapping of str to Column
        The columns in order.
    rows : int
        Their length.
    repeated : frozenset of str
        Names that occur more than once in the source; `columns` has the first of each.
    notes : tuple of str
        What was assumed while reading, as text.
    named : bool
        Whether the source names its columns; those of an array are numbered.
    """

    origin: Place
    columns: Mapping[str, Column]
    rows: int
    repeated: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    named: bool = True

    @property
    def source(self) -> str:
        """Name of the file, or ``"the table"``."""
        return self.origin.source

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, name: str) -> Column:
        """The column with this name.

        Raises
        ------
        DataError
            If there is none; the message lists the columns and suggests a similar name.
        """
        instance("the name of a column", name, str, "a text")
        if name in self.columns:
            return self.columns[name]
        near = nearest(name, self.columns)
        hint = f" Did you mean {shown(near)}?" if near else ""
        listed = ", ".join(map(shown, list(self.columns)[:_LISTED]))
        more = ", ..." if len(self.columns) > _LISTED else ""
        raise DataError(
            f"{self.source} has no column {shown(name)}.{hint} Its columns: {listed}{more}."
        )

    def place(self, row: int, column: str) -> str:
        """Name a cell, as in ``"adult.csv, line 17, column 'age'"``."""
        row = count("row", row, 0)
        return f"{self.origin.of(row)}, column {shown(self[column].name)}"

    def take(self, rows: NDArray[np.int64]) -> Self:
        """The table with these rows alone, in this order."""
        rows = self._checked(rows)
        origin = self.origin.take(rows)
        columns = {name: column.take(rows) for name, column in self.columns.items()}
        return replace(self, origin=origin, columns=columns, rows=len(rows))

    def _checked(self, rows: Any) -> NDArray[np.int64]:
        """Row numbers as an array."""
        found = host_numbers("rows", rows)
        if found.ndim != 1 or found.dtype.kind not in "iu" or not _within(found, self.rows):
            raise DataError(
                f"rows must be a list of whole numbers from 0 to {self.rows - 1}, got "
                f"{in_brief(rows)}."
            )
        kept: NDArray[np.int64] = found
        return kept

    def select(self, names: Iterable[str]) -> Self:
        """The table with these columns alone, in this order."""
        return replace(
            self, columns={name: self[name] for name in elements("columns", names, "['age']")}
        )

    def without(self, *names: str) -> Self:
        """The table without these columns."""
        dropped = {self[name].name for name in names}
        return self.select(name for name in self.columns if name not in dropped)


def _within(found: NDArray[Any], rows: int) -> bool:
    return not found.size or bool(-rows <= found.min() and found.max() < rows)
