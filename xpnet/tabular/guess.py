"""Guess the kind of a column from its cells."""

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xpnet.arguments import instance
from xpnet.errors import DataError
from xpnet.tabular.calendar_texts import AMBIGUOUS, parse_dates
from xpnet.tabular.cells import BOOLEAN_PAIRS
from xpnet.tabular.column import Column
from xpnet.tabular.numerals import is_number, looks_decorated, share_of_numbers

__all__ = ["FEW_CATEGORIES", "Kind", "Task", "guess_kind"]

Kind = Literal["number", "category", "boolean", "date", "ignored"]
Task = Literal["auto", "classification", "regression"]

FEW_CATEGORIES = 20  # as many different cells are categories, whatever they look like
_MOST_DIFFERENT = 0.9  # of the cells: if more are different, they name the rows
_MOST_GOOD = 0.9  # of the different cells: if so many are numbers or dates, others are mistakes
_PROSE = 5  # words in a cell
_COUNTER = re.compile(r"(?i:unnamed: \d+|index|row|#|(.*[\W_])?id)|.*[a-z]I[Dd]")


def guess_kind(column: Column) -> tuple[Kind, str]:
    """Guess the kind of a feature, and say why where it is not plain.

    Text is a number, a boolean or a date if all cells are; else a category. Ignored are columns
    without cells, with one cell throughout, with text that differs in nearly every row, and
    numbers that are all different in a column named ``id``, ``index`` or not at all. Whole numbers
    with a zero before them (postal codes) are categories.

    Returns
    -------
    kind : {"number", "category", "boolean", "date", "ignored"}
        The kind.
    why : str
        The reason, for a note; empty where it needs none.

    Raises
    ------
    DataError
        If most cells are numbers or dates and others cannot be read, or all have a unit; the
        message names the first.
    """
    instance("a column", column, Column, "a column of a Table")
    missing = column.missing()
    if missing.all():
        return "ignored", "all cells are missing"
    if column.categorical:
        return "category", ""
    if column.stored == "text":
        kind, why = _kind_of_text(column, int((~missing).sum()))
    else:
        kind, why = column.stored, ""
    if kind == "number":
        kind, why = _kind_of_numbers(column.name, column.numbers())
    if len(column) > 1 and not missing.any() and _constant(column, kind):
        return "ignored", "all cells are the same"
    return kind, why


def _constant(column: Column, kind: Kind) -> bool:
    if kind == "number":
        numbers = column.numbers()
        return bool((numbers == numbers[0]).all())
    return len(column.texts().values) == 1


def _kind_of_numbers(name: str, numbers: NDArray[np.float64]) -> tuple[Kind, str]:
    if _COUNTER.fullmatch(name):
        different = np.unique(numbers)
        if len(different) == len(numbers) > 1 and (different == np.trunc(different)).all():
            return "ignored", "it numbers the rows"
    return "number", ""


def _kind_of_text(column: Column, cells: int) -> tuple[Kind, str]:
    try:
        column.numbers()
    except DataError as error:
        mistake = error
    else:
        if not column.zero_padded():
            return "number", ""
        return _category_or_names(column.texts().values, cells, "cells begin with 0")
    values = column.texts().values
    if {value.lower() for value in values} in _PAIRS:
        return "boolean", ""
    dates, ambiguous = parse_dates(values)
    good = 1 - np.isnat(dates).mean()
    if good == 1:
        return "date", ""
    if good >= _MOST_GOOD and len(values) > FEW_CATEGORIES:
        column.dates()  # raises an error that names the first mistake
    _refuse_mistakes(values, mistake)
    kind, why = _category_or_names(values, cells, "")
    return kind, AMBIGUOUS if ambiguous else why


def _refuse_mistakes(values: Sequence[str], error: DataError) -> None:
    """Raise the error if a column of numbers was meant."""
    many = len(values) > FEW_CATEGORIES
    meant = many and (looks_decorated(values) or share_of_numbers(values) >= _MOST_GOOD)
    if meant or all(map(is_number, values)):
        raise error


def _category_or_names(values: Sequence[str], cells: int, why: str) -> tuple[Kind, str]:
    different = len(values) / cells
    words = sum(value.count(" ") for value in values) / len(values)
    if len(values) > FEW_CATEGORIES and different > (0.5 if words >= _PROSE else _MOST_DIFFERENT):
        return "ignored", "nearly all cells are different"
    return "category", why


_PAIRS = [set(pair.split()) for pair in BOOLEAN_PAIRS]
_PAIRS += [{word} for pair in _PAIRS for word in pair]
