"""Guess what a column holds, and what a target asks for."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import DataError
from xpnet.tabular.cells import BOOLEANS, is_number, parse_dates, parse_numbers
from xpnet.tabular.table import Column

__all__ = ["Kind", "Labels", "Task", "guess_kind", "target_labels"]

Kind = Literal["number", "category", "boolean", "date", "ignored"]

Task = Literal["auto", "classification", "regression"]

_FEW = 20
_MOST_CLASSES = 100


class Labels(NamedTuple):
    """A target as classes.

    Attributes
    ----------
    codes : ndarray of int64, shape (n,)
        The index into `classes` of each row; -1 where it is missing.
    classes : tuple of str, int, float or bool
        The classes in order: numbers by value, texts as written.
    """

    codes: NDArray[np.int64]
    classes: tuple[str | int | float | bool, ...]


def guess_kind(column: Column) -> tuple[Kind, str]:
    """Guess the kind of a feature, and say why where it is not plain.

    Returns
    -------
    kind : {"number", "category", "boolean", "date", "ignored"}
        The kind.
    why : str
        The reason, for a note; empty where it needs none.
    """
    values, n = column.texts().values, len(column)
    if not values:
        return "ignored", "all cells are missing"
    if len(values) == 1 and n > 1:
        return "ignored", f"all cells are {values[0]!r}"
    if column.stored != "text":
        return column.stored, ""
    if {value.lower() for value in values} <= BOOLEANS.keys():
        return "boolean", ""
    if any(map(_padded, values)):
        return "category", "cells begin with 0"
    if np.isfinite(parse_numbers(values)).all():
        return "number", ""
    if not np.isnat(parse_dates(values)).any():
        return "date", ""
    if len(values) > _FEW and len(values) > 0.9 * int((~column.missing()).sum()):
        return "ignored", "nearly every cell is different"
    return "category", ""


def target_labels(column: Column, task: Task = "auto") -> Labels | None:
    """The classes that a target column holds; None if it holds values to predict.

    Text and booleans are classes. Whole numbers are classes if two are distinct (-1 and 1), or if
    there are at most 100 and none is negative. Cells such as ``007`` are text.

    Raises
    ------
    DataError
        If the cells mix numbers and text, or `task` is regression and they are text.
    """
    codes, values = column.texts()
    numeric = [is_number(value) for value in values]
    if task == "regression" or (column.stored == "boolean" and task != "auto"):
        column.numbers()
        return None
    if column.stored == "boolean":
        return Labels(codes.astype(np.int64), tuple(value == "True" for value in values))
    if all(numeric) and not any(_padded(value) for value in values):
        numbers = column.numbers()
        distinct = np.unique(numbers[~np.isnan(numbers)])
        if task == "auto" and not _look_like_labels(distinct):
            return None
        found = np.searchsorted(distinct, numbers).astype(np.int64)
        found[np.isnan(numbers)] = -1
        whole = (int(v) if v.is_integer() else v for v in distinct.tolist())
        return Labels(found, tuple(whole))
    if task == "auto" and any(numeric) and not all(numeric):
        row = int(np.argmax(np.append(~np.array(numeric), False)[codes]))
        raise DataError(
            f"{column.place(row)}: the target mixes numbers and text, here {values[codes[row]]!r}. "
            "Correct it, or use task='classification', which treats every value as the name of a "
            "class."
        )
    return Labels(codes.astype(np.int64), tuple(values))


def _padded(value: str) -> bool:
    return len(value) > 1 and value[0] == "0" and value.isdigit()


def _look_like_labels(distinct: NDArray[np.float64]) -> bool:
    """Whole numbers if there are two (-1 and 1), or few and none negative."""
    if (distinct != np.trunc(distinct)).any():
        return False
    return len(distinct) == 2 or bool(distinct[0] >= 0 and len(distinct) <= _MOST_CLASSES)
