"""Curves of loss and accuracy, epoch by epoch, drawn into a file."""

import os
from pathlib import Path
from typing import Any

from xpnet.errors import ArgumentError
from xpnet.optional import require
from xpnet.train import History

__all__ = ["check", "draw"]

_MARKED = 30  # up to so many epochs, each is marked by a dot


def check(path: str) -> None:
    """Refuse a file that could not be written once the training is over.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ArgumentError
        If the folder is not there or not writable, or the name ends in no known format.
    """
    base = require("matplotlib.backend_bases", "plot", "--plot")
    formats = base.FigureCanvasBase.get_supported_filetypes()
    file = Path(path)
    if file.suffix.lower().removeprefix(".") not in formats:
        raise ArgumentError(f"--plot {path}: the name must end in .png, .pdf or .svg.")
    if not file.parent.is_dir():
        raise ArgumentError(f"--plot {path}: the folder {file.parent} does not exist. Create it.")
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise ArgumentError(f"--plot {path}: this file cannot be written. Choose another.")


def draw(path: str, history: History, name: str) -> None:
    """Draw the history of a training on the data called `name`.

    Raises
    ------
    ArgumentError
        If the file cannot be written after all.
    """
    # A Figure without pyplot draws with Agg and needs no display.
    figure_type = require("matplotlib.figure", "plot", "--plot").Figure
    columns = [c for c in ("loss", "accuracy") if c in history.columns]
    figure = figure_type(figsize=(4.5 * len(columns), 3.8), layout="constrained")
    figure.suptitle(f"Training on {Path(name).name}")
    for i, column in enumerate(columns, start=1):
        _panel(figure.add_subplot(1, len(columns), i), history, column)
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise ArgumentError(f"--plot {path} could not be written: {error}.") from error


def _panel(axes: Any, history: History, column: str) -> None:
    """One measurement of the training and the test rows."""
    ticker = require("matplotlib.ticker", "plot", "--plot")
    marker = "o" if len(history) <= _MARKED else ""
    for name, label, line in ((column, "train", "-"), (f"val_{column}", "test", "--")):
        axes.plot(history["epoch"], history[name], line, marker=marker, markersize=4, label=label)
    axes.set(xlabel="epoch", ylabel=column)
    axes.xaxis.set_major_locator(
        ticker.MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
    )
    axes.grid(alpha=0.3)
    axes.legend()
