"""A column of a table: readable as numbers, texts, dates or booleans, whatever it came from."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from xpnet.tabular.calendar_texts import Leading
from xpnet.tabular.cells import shown

__all__ = ["Column", "Place", "Stored", "Texts"]

_ZERO_PADDED = re.compile(r"0[0-9]+")

Stored = Literal["number", "text", "boolean", "date"]


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
    line_of: Callable[[int], int | None] | None = None
    rows: NDArray[np.int64] | None = None

    def of(self, row: int) -> str:
        """Name a row, as in ``"adult.csv, line 17"`` or ``"the table, row 16"``."""
        origin = row if self.rows is None else int(self.rows[row])
        line = None if self.line_of is None else self.line_of(origin)
        return f"{self.source}, row {origin}" if line is None else f"{self.source}, line {line}"

    def take(self, rows: NDArray[np.int64]) -> Self:
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
    categorical : bool
        Whether the source says that its values are categories.
    """

    stored: Stored
    categorical = False

    def __init__(self, name: str, origin: Place) -> None:
        self.name = name
        self.origin = origin

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def numbers(self) -> NDArray[np.float64]:
        """The cells as numbers, NaN where missing; the array may be read-only.

        Raises
        ------
        DataError
            If a cell is not a finite number; the message names it.
        """

    @abstractmethod
    def texts(self) -> Texts:
        """The cells as distinct texts."""

    @abstractmethod
    def dates(self, known: Leading | None = None) -> NDArray[np.datetime64]:
        """The cells as datetime64[us], NaT where missing.

        `known` is what leads in dates such as 11/30/2026, the day or the month; by default the
        cells must show it.

        Raises
        ------
        DataError
            If a cell is not a date; the message names it.
        """

    @abstractmethod
    def missing(self) -> NDArray[np.bool_]:
        """Whether each cell is missing."""

    def take(self, rows: NDArray[np.int64]) -> "Column":
        """The column with these rows alone, in this order."""
        return TakenColumn(self, rows)

    def zero_padded(self) -> bool:
        """Whether a cell is a whole number with a zero before it, such as 007 or a postal code."""
        return any(_ZERO_PADDED.fullmatch(value) for value in self.texts().values)

    def place(self, row: int) -> str:
        """Name a cell, as in ``"adult.csv, line 17, column 'age'"``."""
        return f"{self.origin.of(row)}, column {shown(self.name)}"


class TakenColumn(Column):
    """Some rows of another column, which parses its cells once for all that were taken from it."""

    def __init__(self, column: Column, rows: NDArray[np.int64]) -> None:
        super().__init__(column.name, column.origin.take(rows))
        self.stored, self.categorical = column.stored, column.categorical
        self._column, self._rows = column, rows

    def __len__(self) -> int:
        return len(self._rows)

    def numbers(self) -> NDArray[np.float64]:
        """See `Column.numbers`."""
        return self._column.numbers()[self._rows]

    def texts(self) -> Texts:
        """See `Column.texts`."""
        codes, values = self._column.texts()
        used, taken = np.unique(codes[self._rows], return_inverse=True)
        there = [values[i] for i in used.tolist() if i >= 0]
        return Texts((taken - (len(used) - len(there))).astype(np.int32), there)

    def dates(self, known: Leading | None = None) -> NDArray[np.datetime64]:
        """See `Column.dates`."""
        return self._column.dates(known)[self._rows]

    def missing(self) -> NDArray[np.bool_]:
        """See `Column.missing`."""
        return self._column.missing()[self._rows]

    def take(self, rows: NDArray[np.int64]) -> Column:
        """See `Column.take`."""
        return TakenColumn(self._column, self._rows[rows])
