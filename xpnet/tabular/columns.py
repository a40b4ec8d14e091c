"""Columns by how they are stored: arrays of numbers or dates, and texts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import DataError
from xpnet.tabular.cells import parse_dates, parse_numbers
from xpnet.tabular.table import Column, Place, Stored, Texts

__all__ = ["ArrayColumn", "TextColumn", "factorize"]


class ArrayColumn(Column):
    """Numbers, booleans or dates in an array.

    Parameters
    ----------
    name : str
        Its header.
    origin : Place
        Where its rows come from.
    values : ndarray of a number type, bool or datetime64[us]
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
        self._values, self._absent = values, absent

    @property
    def stored(self) -> Stored:  # type: ignore[override]
        """As the array stores it."""
        match self._values.dtype.kind:
            case "b":
                return "boolean"
            case "M":
                return "date"
        return "number"

    def __len__(self) -> int:
        return len(self._values)

    def numbers(self) -> NDArray[np.float64]:
        """See `Column.numbers`."""
        if self.stored == "date":
            raise DataError(
                f"{self.place(0)}: expected a number, found a date. Choose kind 'date'."
            )
        numbers = self._values.astype(np.float64)
        if self._values.dtype.kind == "f" and np.isinf(numbers).any():
            row = int(np.argmax(np.isinf(numbers)))
            raise DataError(
                f"{self.place(row)}: expected a finite number, found {numbers[row]}. Correct it, or "
                "remove its row."
            )
        if self._absent is not None:
            numbers[self._absent] = np.nan
        return numbers

    def texts(self) -> Texts:
        """See `Column.texts`."""
        missing = self.missing()
        distinct, codes = np.unique(self._values[~missing], return_inverse=True)
        written = [_written(value) for value in distinct]
        order = sorted(range(len(written)), key=written.__getitem__)
        ranks = np.empty(len(written), np.int32)
        ranks[order] = np.arange(len(written), dtype=np.int32)
        found = np.full(len(self), -1, np.int32)
        found[~missing] = ranks[codes]
        return Texts(found, [written[i] for i in order])

    def dates(self) -> NDArray[np.datetime64]:
        """See `Column.dates`."""
        if self.stored != "date":
            raise DataError(f"{self.place(0)}: expected a date, found {self._values[0]}.")
        dates = self._values.astype("datetime64[us]")
        if self._absent is not None:
            dates[self._absent] = np.datetime64("NaT")
        return dates

    def missing(self) -> NDArray[np.bool_]:
        """See `Column.missing`."""
        none: NDArray[np.bool_] = np.zeros(len(self), np.bool_)
        if self._values.dtype.kind == "f":
            none = np.isnan(self._values)
        elif self._values.dtype.kind == "M":
            none = np.isnat(self._values)
        return none if self._absent is None else none | self._absent

    def take(self, rows: NDArray[np.integer]) -> "ArrayColumn":
        """See `Column.take`."""
        absent = None if self._absent is None else self._absent[rows]
        return ArrayColumn(self.name, self.origin.take(rows), self._values[rows], absent)


class TextColumn(Column):
    """Texts, by their distinct values."""

    stored: Stored = "text"

    def __init__(self, name: str, origin: Place, texts: Texts) -> None:
        super().__init__(name, origin)
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts.codes)

    def numbers(self) -> NDArray[np.float64]:
        """See `Column.numbers`."""
        parsed = parse_numbers(self._texts.values)
        bad = ~np.isfinite(parsed)
        if bad.any():
            self._refuse(bad, "a finite number")
        return np.append(parsed, np.nan)[self._texts.codes]

    def texts(self) -> Texts:
        """See `Column.texts`."""
        return self._texts

    def dates(self) -> NDArray[np.datetime64]:
        """See `Column.dates`."""
        parsed = parse_dates(self._texts.values)
        bad = np.isnat(parsed)
        if bad.any():
            self._refuse(bad, "a date such as 2026-11-30 or 2026-11-30T17:21")
        return np.append(parsed, np.datetime64("NaT", "us"))[self._texts.codes]

    def missing(self) -> NDArray[np.bool_]:
        """See `Column.missing`."""
        return self._texts.codes < 0

    def take(self, rows: NDArray[np.integer]) -> "TextColumn":
        """See `Column.take`."""
        used, codes = np.unique(self._texts.codes[rows], return_inverse=True)
        values = [self._texts.values[i] for i in used.tolist() if i >= 0]
        codes = codes.astype(np.int32) - np.int32(len(used) - len(values))
        return TextColumn(self.name, self.origin.take(rows), Texts(codes, values))

    def _refuse(self, bad: NDArray[np.bool_], expected: str) -> None:
        codes = self._texts.codes
        row = int(np.argmax(np.append(bad, False)[codes]))
        raise DataError(
            f"{self.place(row)}: expected {expected}, found {self._texts.values[codes[row]]!r}. "
            "Correct it, or choose another kind for the column."
        )


def factorize(cells: Sequence[str | None]) -> Texts:
    """Distinct texts and their codes; None is a missing cell."""
    values = sorted({cell for cell in cells if cell is not None})
    codes: dict[str | None, int] = {value: code for code, value in enumerate(values)}
    codes[None] = -1
    return Texts(np.fromiter((codes[c] for c in cells), np.int32, len(cells)), values)


def _written(value: Any) -> str:
    """A value as text; whole numbers have no decimal point."""
    if value.dtype.kind == "f" and float(value).is_integer():
        return str(int(value))
    return str(value)
