"""Options of commands that train: how a table is read and split, and on which device."""

from collections.abc import Callable
from typing import Any

from xpnet.cli.parsers.reading_options import add_reading
from xpnet.cli.parsers.values import count, share_or_file

__all__ = ["add_device", "add_table"]


def add_table(add: Callable[..., Any]) -> None:
    """Add the options of a table: its target, its columns and its rows for the test."""
    add("--target", metavar="COLUMN", help="column to predict (default: the last)")
    add(
        "--task",
        choices=("auto", "classification", "regression"),
        default="auto",
        help="kind of target (default: auto, the rule below)",
    )
    add("--drop", nargs="+", action="extend", metavar="COLUMN", help="columns to leave out")
    add(
        "--categorical",
        nargs="+",
        action="extend",
        metavar="COLUMN",
        help="columns whose numbers are names of categories",
    )
    add(
        "--test",
        type=share_or_file,
        metavar="FRACTION|FILE",
        help="rows for the test: a fraction of the table (default: 0.2), or another file",
    )
    add_reading(add)


def add_device(add: Callable[..., Any]) -> None:
    """Add the options of the backend, the precision and the threads."""
    add(
        "--backend",
        metavar="B",
        help="numpy, cupy, cupy:1, torch, torch:mps, jax, jax:gpu, ... or auto "
        "(default: $XPNET_BACKEND, else numpy)",
    )
    add("--dtype", default="float32", metavar="D", help="float32 or float64")
    add(
        "--threads",
        type=count,
        metavar="N",
        help="most threads that share a step on a CPU (default: see xpnet info)",
    )
