"""Training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from numbers import Real
from typing import TYPE_CHECKING, Any

from xpnet.arguments import elements, instance, texts
from xpnet.errors import ArgumentError, DataError, UnknownNameError, in_brief
from xpnet.optional import require
from xpnet.plot.canvas import COLORS, canvas
from xpnet.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["history"]

_MARKED = 30  # with at most this many epochs, each is marked by a dot
_BESIDE = 3  # panels in a row
_NO_MEASURE = {"epoch", "seconds", "learning_rate"}


def history(
    history: History | Mapping[str, Sequence[float]],
    columns: str | Sequence[str] | None = None,
    *,
    log: str | Sequence[str] = (),
    labels: tuple[str, str] = ("train", "validation"),
    figure: Figure | None = None,
) -> Figure:
    """Draw the training curves, with a panel for each column.

    The curve of the training data is solid. The curve of the validation data, from the column with
    the prefix ``val_``, is dashed.

    Parameters
    ----------
    history : History or dict of str to list of float
        The result of `Model.fit`, or of its `to_dict`.
    columns : str or sequence of str, optional
        The columns to draw, such as ``["loss", "learning_rate"]``. By default the loss and all
        metrics.
    log : str or sequence of str, optional
        The columns to draw on a logarithmic axis, such as ``"loss"``.
    labels : (str, str)
        Names of the two curves in the legend.
    figure : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If there are no epochs, the columns differ in length, or a column on a logarithmic axis has
        a number that is not greater than 0.
    UnknownNameError
        If a column is not in the history.
    """
    table = _table(history)
    chosen = _columns(table, columns)
    logarithmic = [log] if isinstance(log, str) else texts("log", log, "['loss']")
    names = texts("labels", labels, "['train', 'validation']")
    if len(names) != 2:
        raise ArgumentError(f"labels must be two names, got {in_brief(labels)}.")
    for name in logarithmic:
        if name not in chosen:
            raise UnknownNameError("column with a logarithmic axis", name, chosen)
        _check_positive(table, name)
    wide = min(len(chosen), _BESIDE)
    high = ceil(len(chosen) / _BESIDE)
    made = canvas(figure, 4.5 * wide, 3.6 * high)
    for position, name in enumerate(chosen, start=1):
        ax = made.add_subplot(high, wide, position)
        _panel(ax, table, name, (names[0], names[1]))
        if name in logarithmic:
            ax.set_yscale("log")
    return made


def _table(history: Any) -> dict[str, list[float]]:
    """The history as columns of equal length, of at least one epoch."""
    if not isinstance(history, History | Mapping):
        raise ArgumentError(
            f"history must be the result of fit, or a dict of lists; got {type(history).__name__}."
        )
    found = history.to_dict() if isinstance(history, History) else history
    table = {name: _column(name, column) for name, column in found.items()}
    lengths = {name: len(column) for name, column in table.items()}
    if not any(lengths.values()):
        raise DataError("the history has no epochs yet. Train first.")
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise DataError(f"the columns of the history must have the same length, got {shown}.")
    table.setdefault("epoch", list(range(1, max(lengths.values()) + 1)))
    return table


def _column(name: Any, column: Any) -> list[float]:
    """One column of a history."""
    instance("the name of a column", name, str, "a text")
    numbers = elements(f"the column {name}", column, "[0.5, 0.4]")
    if not all(isinstance(number, Real) for number in numbers):
        raise DataError(f"the column {name} must hold numbers, got {in_brief(column)}.")
    return list(numbers)


def _columns(table: Mapping[str, Any], asked: str | Sequence[str] | None) -> list[str]:
    measures = [n for n in table if n not in _NO_MEASURE and not _validates(n, table)]
    if asked is None:
        if not measures:
            raise DataError(f"the history has no column to draw, only {', '.join(table)}.")
        return measures
    chosen = [asked] if isinstance(asked, str) else list(texts("columns", asked, "['loss']"))
    for name in chosen:
        if name not in table:
            raise UnknownNameError("column", name, table)
    if not chosen:
        raise ArgumentError(
            "columns is empty. Name a column, or leave the argument out to draw all."
        )
    return chosen


def _validates(name: str, table: Mapping[str, Any]) -> bool:
    """Whether a column is the validation curve of another column."""
    return name.startswith("val_") and name.removeprefix("val_") in table


def _check_positive(table: Mapping[str, Sequence[float]], name: str) -> None:
    for column in (name, f"val_{name}"):
        if any(value <= 0 for value in table.get(column, ())):
            raise DataError(
                f"{column!r} has numbers that are not greater than 0, so its axis cannot be "
                "logarithmic. Leave it out of `log`."
            )


def _panel(
    ax: Axes, table: Mapping[str, Sequence[float]], name: str, labels: tuple[str, str]
) -> None:
    """Draw one measurement over the epochs."""
    ticker = require("matplotlib.ticker", "plot", "xpnet.plot.history")
    epochs = table["epoch"]
    marker = "o" if len(epochs) <= _MARKED else ""
    validation = f"val_{name}"
    style: dict[str, Any] = {"marker": marker, "markersize": 4}
    ax.plot(epochs, table[name], "-", color=COLORS[0], label=labels[0], **style)
    if validation in table:
        ax.plot(epochs, table[validation], "--", color=COLORS[5], label=labels[1], **style)
        ax.legend()
    ax.set(xlabel="epoch", ylabel=name.replace("_", " "))
    ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    ax.grid(alpha=0.3)
