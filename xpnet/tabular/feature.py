"""A column of a table, as a model reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import NDArray

from xpnet.nn.table_inputs import FIRST_CODE, MISSING_CODE, UNKNOWN_CODE
from xpnet.tabular.booleans import as_booleans
from xpnet.tabular.calendar_texts import Leading, leading
from xpnet.tabular.column import Column
from xpnet.tabular.guess import Kind, guess_kind
from xpnet.tabular.magnitude import numbers_of

__all__ = ["Feature"]

_RARE = 2  # rows: in a column of many categories, one with fewer counts as unknown
_MANY = 8  # known categories


@dataclass(frozen=True)
class Feature:
    """A column of a table, as a model reads it.

    Attributes
    ----------
    name : str
    kind : {"number", "category", "boolean", "date", "ignored"}
    categories : tuple of str
        For a category: the known ones, as written, in ascending order.
    rare : tuple of str
        For a category: those that count as unknown, since no training row has them, or a single
        one if there are many.
    note : str
        Why it has this kind, if that is not obvious.
    leading : {"day", "month"} or None
        What leads in dates such as 11/30/2026.
    """

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    note: str = ""
    leading: Leading | None = None

    @classmethod
    def of(cls, column: Column, part: Column, kind: Kind | None = None) -> Self:
        """A feature of this kind, by default guessed; `part` has the rows with its categories."""
        note = ""
        if kind is None:
            kind, note = guess_kind(column)
        if kind == "date" and column.stored == "text":
            return cls(column.name, kind, note=note, leading=leading(column.texts().values))
        if kind != "category":
            return cls(column.name, kind, note=note)
        texts = part.texts()
        counts = np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.values))
        seen = [(value, n) for value, n in zip(texts.values, counts, strict=True) if n]
        known = tuple(value for value, n in seen if n >= _RARE)
        if len(seen) <= _MANY or not known:
            known = tuple(value for value, _ in seen)
        rare = tuple(sorted(set(column.texts().values).difference(known)))
        return cls(column.name, kind, known, rare, note)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The feature that `dataclasses.asdict` described.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the data do not describe one.
        """
        categories, rare = (tuple(map(str, data[name])) for name in ("categories", "rare"))
        kind, leading = data["kind"], data["leading"]
        if kind not in get_args(Kind) or leading not in (None, *get_args(Leading)):
            raise ValueError(f"unknown kinds: {kind!r}, {leading!r}")
        return cls(str(data["name"]), kind, categories, rare, str(data["note"]), leading)

    @property
    def codes(self) -> int:
        """Number of codes of a category: missing, unknown, and the known ones."""
        return FIRST_CODE + len(self.categories)

    @property
    def wide(self) -> bool:
        """Whether a category has so many values that it is embedded, not one-hot."""
        return len(self.categories) > _MANY

    def encode(self, column: Column) -> NDArray[Any]:
        """A column as numbers; see `Schema.encode`."""
        if self.kind == "number":
            return numbers_of(column)
        if self.kind == "boolean":
            return as_booleans(column)
        if self.kind == "date":
            dates = column.dates(self.leading)
            seconds = dates.astype("datetime64[us]").astype(np.int64) / 1e6
            return np.where(np.isnat(dates), np.nan, seconds)
        codes, values = column.texts()
        known = {value: code for code, value in enumerate(self.categories, FIRST_CODE)}
        found = [*(known.get(value, UNKNOWN_CODE) for value in values), MISSING_CODE]
        return np.array(found, dtype=np.int64)[codes]  # a missing cell's -1 takes the last code

    def unknown(self, column: Column) -> str | None:
        """A category that was not in the training data; None if there is none."""
        if self.kind != "category":
            return None
        new = set(column.texts().values).difference(self.categories, self.rare)
        return min(new, default=None)
