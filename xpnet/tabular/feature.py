"""A column of a table, as a model reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import NDArray

from xpnet.arguments import choice, instance, texts
from xpnet.errors import ArgumentError, in_brief
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
        for given in (column, part):
            instance("a column", given, Column, "a column of a Table")
        if kind is not None:
            choice("kind of column", kind, get_args(Kind))
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
        ArgumentError
            If the data do not describe one.
        """
        instance("a feature", data, Mapping, "a dict, as dataclasses.asdict returns it")
        missing = {"name", "kind", "categories", "rare", "note", "leading"} - set(data)
        if missing:
            raise ArgumentError(
                f"this does not describe a schema's feature: it lacks {min(missing)}."
            )
        categories, rare = (texts(name, data[name], "['a']") for name in ("categories", "rare"))
        kind: Kind = data["kind"]
        if not isinstance(kind, str) or kind not in get_args(Kind):
            raise ArgumentError(
                f"this does not describe a schema's feature: its kind is {in_brief(kind)}."
            )
        leading = data["leading"]
        if leading is not None:
            choice("leading part of dates", leading, get_args(Leading))
        for name in ("name", "note"):
            instance(f"a feature's {name}", data[name], str, "a text")
        return cls(data["name"], kind, categories, rare, data["note"], leading)

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
        instance("a column", column, Column, "a column of a Table")
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
