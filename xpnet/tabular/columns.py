"""Columns by how they are stored: arrays of numbers or dates, and texts."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import DataError
from xpnet.tabular.calendar_texts import AMBIGUOUS, Leading, parse_dates
from xpnet.tabular.cells import shown
from xpnet.tabular.column import Column, Place, Stored, Texts
from xpnet.tabular.numerals import Numerals, explain, parse_numbers

__all__ = ["ArrayColumn", "TextColumn", "factorize"]

_STORED: dict[str, Stored] = {"b": "boolean", "M": "date"}
_NO_DATE = np.datetime64("NaT", "us")
_FIRST, _LAST = np.datetime64("0001", "Y"), np.datetime64("9999", "Y")


class ArrayColumn(Column):
    """Numbers, booleans or dates in an array.

    Parameters
    ----------
    name : str
        Its header.
    origin : Place
        Where its rows come from.
    values : ndarray of a number type, bool or datetime64
        The cells.
    absent : ndarray of bool, optional
        Which cells are missing besides NaN and NaT.
    """

    def __init__(
        self,
        name: str,
        origin: Place,
        values: NDArray[Any],
        absent: NDArray[np.bool_] | None = None,
    ) -> None:
        super().__init__(name, origin)
        self.stored = _STORED.get(values.dtype.kind, "number")
        self._values, self._absent = values, absent

    def __len__(self) -> int:
        return len(self._values)

    def numbers(self) -> NDArray[np.float64]:
        """See `Column.numbers`."""
        if self.stored == "date":
            self._refuse(~self.missing(), "a number")
            return np.full(len(self), np.nan)
        numbers = self._values.astype(np.float64)
        if self._absent is not None:
            numbers[self._absent] = np.nan
        self._refuse(np.isinf(numbers), "a finite number")
        return numbers

    def texts(self) -> Texts:
        """See `Column.texts`."""
        present = ~self.missing()
        distinct, codes = np.unique(self._values[present], return_inverse=True)
        written = factorize([_written(value) for value in distinct])
        found = np.full(len(self), -1, np.int32)
        found[present] = written.codes[codes]
        return Texts(found, written.values)

    def dates(self, known: Leading | None = None) -> NDArray[np.datetime64]:
        """See `Column.dates`."""
        missing = self.missing()
        if self.stored != "date":
            self._refuse(~missing, "a date")
            return np.full(len(self), _NO_DATE)
        years = self._values.astype("datetime64[Y]")
        outside = ~missing & ((years < _FIRST) | (years > _LAST))
        self._refuse(outside, "a date of the years 1 to 9999")
        return np.where(missing, _NO_DATE, self._values.astype("datetime64[us]"))

    def missing(self) -> NDArray[np.bool_]:
        """See `Column.missing`."""
        none: NDArray[np.bool_] = np.zeros(len(self), np.bool_)
        if self._values.dtype.kind in "fM":
            none = np.isnan(self._values)
        return none if self._absent is None else none | self._absent

    def _refuse(self, bad: NDArray[np.bool_], expected: str) -> None:
        if bad.any():
            row = int(np.argmax(bad))
            raise DataError(
                f"{self.place(row)}: expected {expected}, found {_written(self._values[row])}. "
                "Correct it, or remove its row."
            )


class TextColumn(Column):
    """Texts, by their distinct values."""

    stored = "text"

    def __init__(
        self, name: str, origin: Place, texts: Texts, numerals: Numerals | None = None
    ) -> None:
        super().__init__(name, origin)
        self._texts = texts
        self._numerals = Numerals() if numerals is None else numerals

    def __len__(self) -> int:
        return len(self._texts.codes)

    def numbers(self) -> NDArray[np.float64]:
        """See `Column.numbers`."""
        parsed = self._parsed
        if (row := self._first(~np.isfinite(parsed))) is not None:
            raise DataError(f"{self.place(row)}: {explain(self._cell(row), self._numerals)}")
        return np.append(parsed, np.nan)[self._texts.codes]

    def texts(self) -> Texts:
        """See `Column.texts`."""
        return self._texts

    def dates(self, known: Leading | None = None) -> NDArray[np.datetime64]:
        """See `Column.dates`."""
        parsed, ambiguous = parse_dates(self._texts.values, known)
        if (row := self._first(np.isnat(parsed))) is not None:
            remedy = f"{AMBIGUOUS}." if ambiguous else "Write dates as 2026-11-30 or 30.11.2026."
            raise DataError(
                f"{self.place(row)}: expected a date, found {shown(self._cell(row))}. {remedy}"
            )
        return np.append(parsed, _NO_DATE)[self._texts.codes]

    def missing(self) -> NDArray[np.bool_]:
        """See `Column.missing`."""
        return self._texts.codes < 0

    @cached_property
    def _parsed(self) -> NDArray[np.float64]:
        """The numbers of the distinct texts."""
        return parse_numbers(self._texts.values, self._numerals)

    def _first(self, bad: NDArray[np.bool_]) -> int | None:
        """The first row whose text is bad."""
        rows = np.append(bad, False)[self._texts.codes]
        return int(np.argmax(rows)) if rows.any() else None

    def _cell(self, row: int) -> str:
        return self._texts.values[int(self._texts.codes[row])]


def factorize(cells: Sequence[str | None]) -> Texts:
    """Distinct texts and their codes; None is a missing cell."""
    values = sorted({cell for cell in cells if cell is not None})
    codes: dict[str | None, int] = {value: code for code, value in enumerate(values)}
    codes[None] = -1
    return Texts(np.fromiter((codes[c] for c in cells), np.int32, len(cells)), values)


def _written(value: Any) -> str:
    """A value as text: whole numbers have no decimal point, midnights no time."""
    match value.dtype.kind:
        case "f" if float(value).is_integer():
            return str(int(value))
        case "M" if _FIRST <= value.astype("datetime64[Y]") <= _LAST:
            date: object = value.astype("datetime64[us]").item()
            return str(date).removesuffix(" 00:00:00")
    return str(value)
