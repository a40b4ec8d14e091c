"""Options that say how to read a table from a text file."""

from collections.abc import Callable
from typing import Any

__all__ = ["add_reading"]


def add_reading(add: Callable[..., Any]) -> None:
    """Add the options to a command."""
    add(
        "--no-header",
        action="store_true",
        help="the first line holds data, not names; columns are named x0, x1, ...",
    )
    add("--delimiter", metavar="C", help="what separates columns (default: detected)")
    add("--encoding", metavar="NAME", help="encoding of text, such as cp1252 (default: detected)")
    add("--decimal", metavar="C", help="decimal mark of numbers: . or , (default: detected)")
