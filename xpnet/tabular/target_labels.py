"""Decide whether a target holds names of classes or values."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import DataError
from xpnet.tabular.cells import shown
from xpnet.tabular.column import Column
from xpnet.tabular.guess import FEW_CATEGORIES, Task
from xpnet.tabular.numerals import (
    have_fractions,
    is_number,
    looks_decorated,
    share_of_numbers,
)

__all__ = ["Label", "Labels", "target_labels"]

Label: TypeAlias = str | int | float | bool

_MOST_CLASSES = 100
_ALWAYS_FEW = 10  # classes, however few the rows are


class Labels(NamedTuple):
    """A target as classes.

    Attributes
    ----------
    codes : ndarray of int64, shape (n,)
        The index into `classes` of each row; -1 where it is missing.
    classes : tuple of str, int, float or bool
        The labels in order: text as written, numbers by value.
    """

    codes: NDArray[np.int64]
    classes: tuple[Label, ...]


def target_labels(column: Column, task: Task = "auto") -> Labels | None:
    """The classes that a target holds; None if it holds values.

    With ``"auto"``, text and booleans are classes, and so are numbers written as ``007``. Other
    whole numbers are classes if exactly two are different (-1 and 1), or if at most 100 are (at
    most half as many as rows, or 10 if that is more), none of them negative.

    Raises
    ------
    DataError
        If `task` is regression and a cell is not a number. With ``"auto"``, if the cells mix
        numbers and text, have a unit, or are text that is different in most rows.
    """
    if task == "regression":
        column.numbers()
        return None
    numbers = _numbers(column)
    if task == "auto" and numbers is None and column.stored == "text":
        _refuse_mistakes(column)
    if task == "auto" and numbers is not None and not _look_like_labels(numbers):
        return None
    codes, values = column.texts()
    order = list(range(len(values)))
    if numbers is not None:
        value_of = np.empty(len(values) + 1)
        value_of[codes] = numbers  # the last is that of missing cells
        order.sort(key=lambda code: (value_of[code], values[code]))
    ranks = np.empty(len(values) + 1, np.int64)
    ranks[[*order, -1]] = [*range(len(values)), -1]
    return Labels(ranks[codes], _typed(column, [values[code] for code in order]))


def _numbers(column: Column) -> NDArray[np.float64] | None:
    """The cells as numbers; None for booleans, categories, and text that is not plainly numbers."""
    if column.stored == "boolean" or column.categorical:
        return None
    try:
        numbers = column.numbers()
    except DataError:
        if all(map(is_number, column.texts().values)):
            raise
        return None
    return None if column.stored == "text" and column.zero_padded() else numbers


def _look_like_labels(numbers: NDArray[np.float64]) -> bool:
    """Whole numbers if there are two (-1 and 1), or few and none negative."""
    there = numbers[~np.isnan(numbers)]
    distinct = np.unique(there)
    if (distinct != np.trunc(distinct)).any():
        return False
    most = min(_MOST_CLASSES, max(len(there) // 2, _ALWAYS_FEW))
    return len(distinct) == 2 or (bool((distinct >= 0).all()) and len(distinct) <= most)


def _typed(column: Column, texts: Sequence[str]) -> tuple[Label, ...]:
    """Labels as truth values or numbers if the texts are written just so, else as text."""
    if column.stored == "boolean":
        return tuple(text == "True" for text in texts)
    if column.stored == "number":
        return tuple(int(t) if _is_whole(t) else float(t) for t in texts)
    if all(map(_is_whole, texts)):
        return tuple(map(int, texts))
    return tuple(texts)


def _is_whole(text: str) -> bool:
    """Whether a text is a whole number as Python writes it."""
    return text.removeprefix("-").isdecimal() and str(int(text)) == text


def _refuse_decorated(column: Column) -> None:
    """Raise an error for numbers with units."""
    try:
        column.numbers()
    except DataError as error:
        raise DataError(
            f"{error} Or use task='classification' if they are names of classes."
        ) from None


def _refuse_mistakes(column: Column) -> None:
    """Raise an error for texts that are hardly names of classes."""
    codes, values = column.texts()
    numeric = share_of_numbers(values)
    many = len(values) > FEW_CATEGORIES or have_fractions(values)
    if numeric == 1:
        column.numbers()
    if many and looks_decorated(values):
        _refuse_decorated(column)
    if 0 < numeric < 1:
        odd = np.array([share_of_numbers([value]) == 0 for value in values])
        row = int(np.argmax(np.append(odd, False)[codes]))
        found = shown(values[codes[row]])
        raise DataError(
            f"{column.place(row)}: the target mixes numbers and text, here {found}. "
            "Correct it, or use task='classification', which treats every value as the name of a "
            "class."
        )
    rows = int((codes >= 0).sum())
    if len(values) > max(FEW_CATEGORIES, rows // 2):
        raise DataError(
            f"{column.origin.source}, column {shown(column.name)}: the target is text with "
            f"{len(values):,} different values in {rows:,} rows, such as {shown(values[0])}, which "
            "look like names of rows. Choose another target, or use task='classification' if they "
            "are names of classes."
        )
