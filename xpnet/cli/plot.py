"""Curves of loss and accuracy per epoch, drawn to a file."""

import os
from pathlib import Path
from typing import Any

from xpnet.errors import ArgumentError, FormatError
from xpnet.optional import require
from xpnet.saving.whole_file import writing
from xpnet.training.history import History

__all__ = ["check", "draw", "save"]


def check(path: str) -> None:
    """Refuse a file that could not be written after training.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ArgumentError
        If the folder does not exist or is not writable, or the name's ending is not a known format.
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


def draw(path: str, history: History, name: str, held: str = "test") -> None:
    """Draw the history of training on the data called `name`.

    Raises
    ------
    ArgumentError
        If the file cannot be written after all.
    """
    from xpnet import plot

    columns = [c for c in ("loss", "accuracy") if c in history.columns]
    figure = plot.history(history, columns, labels=("train", held))
    figure.suptitle(f"Training on {Path(name).name}")
    save(figure, path)


def save(figure: Any, path: str) -> None:
    """Write a figure.

    Raises
    ------
    ArgumentError
        If the file cannot be written after all.
    """
    try:
        with writing(path) as temporary:
            figure.savefig(temporary, dpi=150, format=Path(path).suffix.lower().removeprefix("."))
    except FormatError as error:
        raise ArgumentError(f"--plot: {error}") from error
