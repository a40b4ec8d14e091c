"""Checks of command-line arguments, made before anything is measured."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path


def count(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def written(text: str) -> str:
    """A file that can be written."""
    file = Path(text)
    if not file.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: there is no folder {file.parent}; create it")
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text}: this file cannot be written")
    return text


def picture(text: str) -> str:
    """A file that can be written, whose name ends in a format that matplotlib knows."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError as error:
        raise argparse.ArgumentTypeError("pictures need matplotlib; install it with pip") from error
    if Path(text).suffix.lower()[1:] not in FigureCanvasBase.get_supported_filetypes():
        raise argparse.ArgumentTypeError(f"{text}: the name must end in .png, .pdf or .svg")
    return written(text)


def known(
    parser: argparse.ArgumentParser, flag: str, given: Iterable[str], names: Iterable[str]
) -> None:
    """Refuse a prefix that matches none of the names."""
    names = list(names)
    wrong = [text for text in given if not any(name.startswith(text) for name in names)]
    if wrong:
        parser.error(
            f"{flag}: no name starts with {', '.join(wrong)}; the names are: {'; '.join(names)}"
        )
