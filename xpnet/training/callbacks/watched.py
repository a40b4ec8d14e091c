"""The column of the history that a callback watches, and which way it improves."""

import re
from math import inf
from typing import Literal

from xpnet.arguments import choice, number
from xpnet.errors import ArgumentError, in_brief, nearest
from xpnet.nn import losses

__all__ = ["Watched", "usual_mode"]

_GROWS = re.compile(r"(accuracy|(^|_)r2)$")  # columns where more is better
_FALLS = {"loss", *losses.names(), *(losses.get(name).name for name in losses.names())}


def usual_mode(column: str) -> Literal["min", "max"] | None:
    """What better means in a column whose name says it; None for other columns."""
    if _GROWS.search(column):
        return "max"
    return "min" if column.removeprefix("val_") in _FALLS else None


class Watched:
    """One column, and when one of its values is better than another.

    Parameters
    ----------
    monitor : str
        Name of the column.
    mode : {"auto", "min", "max"}
        ``"auto"`` maximizes columns that end in ``accuracy`` or ``r2`` and minimizes losses. It
        does not guess for other columns.
    min_delta : float
        A value must be better by more than this, at least 0.
    """

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        if not isinstance(monitor, str):
            raise ArgumentError(
                "monitor must be a column of the history, such as 'val_loss'; got "
                f"{in_brief(monitor)}."
            )
        choice("mode", mode, ("auto", "min", "max"))
        self.column = monitor
        meant = usual_mode(monitor) if mode == "auto" else mode
        if meant is None:
            raise ArgumentError(
                f"it is not known whether {in_brief(monitor)} should grow or shrink: give "
                "mode='max' or "
                "mode='min'."
            )
        self._sign = 1 if meant == "max" else -1
        self._min_delta = number("min_delta", min_delta, 0)

    @property
    def worst(self) -> float:
        """The value that every finite value improves on."""
        return -self._sign * inf

    def check(self, columns: tuple[str, ...]) -> None:
        """Raise `ArgumentError` if the column is not among these."""
        if self.column in columns:
            return
        validated = any(name.startswith("val_") for name in columns)
        missing = self.column.startswith("val_") and not validated
        near = nearest(self.column, columns)
        hint = "" if near is None or missing else f" Did you mean {near!r}?"
        if missing:
            hint = " Pass validation_data=(X, y) to fit to record it."
        raise ArgumentError(
            f"the history has no column {self.column!r} to monitor; its columns are "
            f"{', '.join(columns)}.{hint}"
        )

    def value(self, logs: dict[str, float]) -> float:
        """The column's value in a row of the history."""
        self.check(tuple(logs))
        return logs[self.column]

    def better(self, value: float, than: float) -> bool:
        """Whether `value` improves on `than` by more than min_delta; NaN never does."""
        return self._sign * value > self._sign * than + self._min_delta
