"""The column that a model predicts: classes, or numbers on a scale."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import NDArray

from xpnet.arguments import choice, instance, is_real
from xpnet.backends.readable import host_numbers
from xpnet.errors import ArgumentError, DataError, DataWarning, in_brief
from xpnet.tabular.cells import shown
from xpnet.tabular.column import Column
from xpnet.tabular.guess import Task
from xpnet.tabular.magnitude import numbers_of, spread_or
from xpnet.tabular.table import Table
from xpnet.tabular.target_labels import Label, Labels, target_labels
from xpnet.warn import warn_user

__all__ = ["Label", "Target", "Task"]

_DECIMAL = re.compile(r"-?(0|[1-9]\d*)\.\d+")


@dataclass(frozen=True)
class Target:
    """What a model predicts.

    Attributes
    ----------
    name : str
        The column's name.
    classes : tuple of str, int, float or bool, or None
        The labels in the order of their numbers; None for regression.
    center, scale : float
        For regression: the network predicts (value - center) / scale.
    low, high : float
        For regression: the range of the values in the training data, to which predictions are
        clipped.
    """

    name: str
    classes: tuple[Label, ...] | None = None
    center: float = 0.0
    scale: float = 1.0
    low: float = -np.inf
    high: float = np.inf

    @classmethod
    def infer(cls, table: Table, column: Column, task: Task = "auto") -> Self:
        """Read off whether a column holds labels or values.

        See `xpnet.tabular.target_labels.target_labels` for the rule.

        Raises
        ------
        DataError
            If a cell is missing, there is only one class, or text and numbers are mixed.

        Warns
        -----
        DataWarning
            If a class has a single row, or all values are the same.
        """
        choice("task", task, get_args(Task))
        instance("the table", table, Table, "what as_table returns")
        instance("a column", column, Column, "a column of a Table")
        missing = column.missing()
        if missing.all():
            raise DataError(f"{table.source}: the target {shown(column.name)} has no values.")
        if missing.any():
            raise DataError(
                f"{column.place(int(np.argmax(missing)))}: expected a target, found an empty cell "
                f"or NA. Fill it in, or remove its row ({int(missing.sum()):,} such rows)."
            )
        labels = target_labels(column, task)
        if labels is None:
            found = cls.of_values(column.name, numbers_of(column))
            found.warn_if_constant(f"{table.source}: ", table.rows)
            return found
        return cls._of_labels(table, column, labels)

    @classmethod
    def of_values(cls, name: str, values: NDArray[Any]) -> Self:
        """The target of a regression, with the mean and the deviation of these values."""
        values = host_numbers("values", values)
        if not values.size or not np.isfinite(values).all():
            raise DataError("a target needs at least one value, and only finite ones.")
        low, high = float(values.min()), float(values.max())
        scale = spread_or(values.std(), 1.0) if low < high else 1.0
        return cls(name, None, float(values.mean()), scale, low, high)

    @classmethod
    def _of_labels(cls, table: Table, column: Column, labels: Labels) -> Self:
        codes, classes = labels
        if len(classes) < 2:
            raise DataError(
                f"{table.source}: the target {shown(column.name)} is {shown(classes[0])} in every "
                "row that has one. Classification needs at least two classes. A cell that is "
                "empty, NA, nan, None, null or ? counts as missing: rename a class of such a name."
            )
        alone = np.flatnonzero(np.bincount(codes) == 1)
        if len(alone):
            warn_user(
                f"{table.source}: the class {shown(classes[alone[0]])} of the target "
                f"{shown(column.name)} has a single row, so it cannot be both learned and tested.",
                DataWarning,
            )
        return cls(column.name, classes)

    def warn_if_constant(self, where: str, rows: int) -> None:
        """Warn if all values are the same, and there are several."""
        if self.low == self.high and rows > 1:
            warn_user(
                f"{where}the target {shown(self.name)} is {self.low:.6g} in every row, so there is "
                "nothing to learn: every prediction will be this number. Choose another target, "
                "or more varied rows.",
                DataWarning,
            )

    # --- there and back -----------------------------------------------------------------------

    def encode(self, column: Column) -> NDArray[Any]:
        """The numbers of a column's classes as int64, or its values as float64, unscaled.

        Raises
        ------
        DataError
            If a cell is missing, not a number, or not one of the classes. The classes 1 and 1.0
            are one, unless the training data had both as text.
        """
        instance("a column", column, Column, "a column of a Table")
        missing = column.missing()
        if missing.any():
            raise DataError(
                f"{column.place(int(np.argmax(missing)))}: expected a target, found an empty cell "
                "or NA. Fill it in, or remove its row."
            )
        if self.classes is None:
            return numbers_of(column)
        codes, values = column.texts()
        known = {_text(label): number for number, label in enumerate(self.classes)}
        plain = _by_plain_text(known)
        found = [known.get(value, plain.get(_plain(value), -1)) for value in values]
        numbers = np.array(found, dtype=np.int64)[codes]
        if (numbers < 0).any():
            row = int(np.argmin(numbers >= 0))
            new = values[codes[row]]
            raise DataError(
                f"{column.place(row)}: {shown(new)} is not one of the model's classes, which are "
                f"{', '.join(map(_quoted, self.classes[:20]))}.{_near(new, list(known))}"
            )
        return numbers

    def scaled(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Values as the network predicts them."""
        z: NDArray[np.float64] = (host_numbers("values", values) - self.center) / self.scale
        return z

    def unscaled(self, output: NDArray[Any]) -> NDArray[np.float64]:
        """The network's predictions in the target's units, clipped to the range seen.

        An output that is not finite is NaN: infinity is no large value, but an overflow.
        """
        output = host_numbers("output", output)
        values = np.clip(output.astype(np.float64) * self.scale + self.center, self.low, self.high)
        return np.where(np.isfinite(output), values, np.nan)

    def labels(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """The classes with these numbers."""
        if self.classes is None:
            raise ArgumentError("this target is a number, which has no labels.")
        numbers = host_numbers("numbers", numbers)
        known = len(self.classes)
        if numbers.dtype.kind not in "iu" or (
            numbers.size and not (numbers.min() >= 0 and numbers.max() < known)
        ):
            raise DataError(f"numbers of classes must be whole, from 0 to {known - 1}.")
        same = len({type(label) for label in self.classes}) == 1
        labels: NDArray[Any] = np.array(self.classes, dtype=None if same else object)
        if labels.tolist() != list(self.classes):  # whole numbers beyond int64
            labels = np.array(self.classes, dtype=object)
        chosen: NDArray[Any] = labels[numbers]
        return chosen

    # --- as data ------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The target as JSON has it."""
        if self.classes is not None:
            return {"name": self.name, "classes": list(self.classes)}
        names = ("name", "center", "scale", "low", "high")
        found = {name: getattr(self, name) for name in names}
        return {k: v for k, v in found.items() if not isinstance(v, float) or np.isfinite(v)}

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """The target that `to_dict` described.

        Raises
        ------
        ArgumentError
            If the data do not describe one.
        """
        try:
            given = dict(instance("a target", data, Mapping, "a dict, as to_dict returns it"))
            classes = given.pop("classes", None)
            made = cls(**given, classes=None if classes is None else tuple(classes))
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"this does not describe a target: {error}.") from error
        numbers = (made.center, made.scale, made.low, made.high)
        right = isinstance(made.name, str) and all(map(is_real, numbers))
        if not right or not made.scale > 0 or not _distinct(made.classes):
            raise ArgumentError(f"this does not describe a target: {in_brief(data)}.")
        return made


def _distinct(classes: Sequence[Any] | None) -> bool:
    if classes is None:
        return True
    good = all(isinstance(label, Label) for label in classes)
    return good and len(set(map(_text, classes))) == len(classes) >= 2


def _text(label: Label) -> str:
    """A label as `Column.texts` writes it: whole numbers have no decimal point."""
    whole = isinstance(label, float) and label.is_integer()
    return str(int(label) if whole else label)


def _by_plain_text(known: Mapping[str, int]) -> dict[str, int]:
    """The number of each class by its plain text, if only one class has it."""
    count = Counter(map(_plain, known))
    return {_plain(text): i for text, i in known.items() if count[_plain(text)] == 1}


def _plain(text: str) -> str:
    """A decimal number without zeros at its end: 1 for 1.0; other texts as they are."""
    return text.rstrip("0").rstrip(".") if _DECIMAL.fullmatch(text) else text


def _quoted(label: Label) -> str:
    """A label as messages list it."""
    return shown(_text(label))[1:-1]


def _near(found: str, known: list[str]) -> str:
    near = get_close_matches(found, known, n=1, cutoff=0.6)
    return f" Did you mean {shown(near[0])}?" if near else ""
