"""A table: named columns, each readable as numbers, texts or dates, whatever it came from."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import DataError, nearest

__all__ = ["Column", "Place", "Stored", "Table", "Texts"]

Stored = Literal["number", "text", "boolean", "date"]

_LISTED = 40


class Texts(NamedTuple):
    """A column as distinct texts.

    Attributes
    ----------
    codes : ndarray of int32, shape (n,)
        The index into `values` of each cell; -1 where it is missing.
    values : list of str
        The distinct cells as written, sorted.
    """

    codes: NDArray[np.int32]
    values: list[str]


@dataclass(frozen=True, eq=False)
class Place:
    """Where rows come from, for messages.

    Attributes
    ----------
    source : str
        Name of the file, or ``"the table"``.
    line_of : callable or None
        Turns the number of a row into the line of a file; None if the source has no lines.
    rows : ndarray of int or None
        The original number of each row; None if all are there in order.
    """

    source: str
    line_of: Callable[[int], int] | None = None
    rows: NDArray[np.integer] | None = None

    def of(self, row: int) -> str:
        """Name a row, as in ``"adult.csv, line 17"`` or ``"the table, row 16"``."""
        origin = row if self.rows is None else int(self.rows[row])
        if self.line_of is None:
            return f"{self.source}, row {origin}"
        return f"{self.source}, line {self.line_of(origin)}"

    def take(self, rows: NDArray[np.integer]) -> Self:
        """The places of these rows."""
        return replace(self, rows=rows if self.rows is None else self.rows[rows])


class Column(ABC):
    """One column of a table.

    Attributes
    ----------
    name : str
        Its header.
    stored : {"number", "text", "boolean", "date"}
        How the source stores it; a CSV file stores text.
    """

    stored: Stored

    def __init__(self, name: str, origin: Place) -> None:
        self.name = name
        self.origin = origin

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def numbers(self) -> NDArray[np.float64]:
        """The cells as numbers, NaN where missing.

        Raises
        ------
        DataError
            If a cell is not a finite number; the message names it.
        """

    @abstractmethod
    def texts(self) -> Texts:
        """The cells as distinct texts."""

    @abstractmethod
    def dates(self) -> NDArray[np.datetime64]:
        """The cells as datetime64[us], NaT where missing.

        Raises
        ------
        DataError
            If a cell is not a date; the message names it.
        """

    @abstractmethod
    def missing(self) -> NDArray[np.bool_]:
        """Whether each cell is missing."""

    @abstractmethod
    def take(self, rows: NDArray[np.integer]) -> "Column":
        """The column with these rows alone."""

    def place(self, row: int) -> str:
        """Name a cell, as in ``"adult.csv, line 17, column 'age'"``."""
        return f"{self.origin.of(row)}, column {self.name!r}"


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
    doubled : frozenset of str
        Names that occur more than once in the source; `columns` has the first of each.
    notes : tuple of str
        What was assumed while reading, as text.
    named : bool
        Whether the source names its columns; those of an array are numbered.
    """

    origin: Place
    columns: Mapping[str, Column]
    rows: int
    doubled: frozenset[str] = frozenset()
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
        if name in self.columns:
            return self.columns[name]
        near = nearest(name, self.columns)
        hint = f" Did you mean {near!r}?" if near else ""
        listed = ", ".join(map(repr, list(self.columns)[:_LISTED]))
        more = ", ..." if len(self.columns) > _LISTED else ""
        raise DataError(f"{self.source} has no column {name!r}.{hint} Its columns: {listed}{more}.")

    def place(self, row: int, column: str) -> str:
        """Name a cell, as in ``"adult.csv, line 17, column 'age'"``."""
        return f"{self.origin.of(row)}, column {column!r}"

    def take(self, rows: NDArray[np.integer]) -> Self:
        """The table with these rows alone, in this order."""
        origin = self.origin.take(rows)
        columns = {name: column.take(rows) for name, column in self.columns.items()}
        return replace(self, origin=origin, columns=columns, rows=len(rows))

    def select(self, names: Iterable[str]) -> Self:
        """The table with these columns alone, in this order."""
        return replace(self, columns={name: self[name] for name in names})

    def without(self, *names: str) -> Self:
        """The table without these columns."""
        dropped = {self[name].name for name in names}
        return self.select(name for name in self.columns if name not in dropped)
