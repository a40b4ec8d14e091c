"""The arguments of `xpnet search`."""

import argparse
from collections.abc import Callable
from typing import Any

from xpnet.cli.parsers.data_options import add_device, add_table
from xpnet.cli.parsers.search_text import SEARCH
from xpnet.cli.parsers.values import count, share_or_file, units

__all__ = ["add_search"]


def add_search(commands: Any) -> None:
    """Add the command."""
    search = commands.add_parser(
        "search",
        usage="xpnet search DATA [options]",
        help="find good settings for a table, with any number of processes and machines",
        description="Try settings of xpnet train, and print the best (needs xpnet[search]).",
        epilog=SEARCH,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = search.add_argument
    add("data", metavar="DATA", help="a table or a data set, as for xpnet train")
    _add_search(search.add_argument_group("search").add_argument)
    add_table(search.add_argument_group("table").add_argument)
    _add_fixed(search.add_argument_group("settings that are not searched").add_argument)
    add_device(search.add_argument_group("device").add_argument)
    _add_output(search.add_argument_group("output").add_argument)
    search.set_defaults(run=_search, parser=search)


def _add_search(add: Callable[..., Any]) -> None:
    add(
        "--trials",
        type=count,
        default=50,
        metavar="N",
        help="trials of all processes together, those of earlier runs included (default: 50)",
    )
    add(
        "--storage",
        metavar="journal:FILE",
        help="a file that all processes share, created by the first (default: none, one process)",
    )
    add(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="seed of the search, of weights, shuffling and a file's split",
    )


def _add_fixed(add: Callable[..., Any]) -> None:
    add(
        "--preset",
        choices=("mlp", "fast", "realmlp"),
        default="mlp",
        help="how each trial trains, as for xpnet train (default: mlp)",
    )
    add("--hidden", type=units, nargs="*", metavar="UNITS", help="units of each hidden layer")
    add("--activation", metavar="NAME", help="relu (default), tanh, sigmoid, identity, ...")
    add("--dropout", type=float, metavar="RATE", help="share of the units that is left out")
    add("--learning-rate", type=float, metavar="R", help="size of a step")
    add("--weight-decay", type=float, metavar="D", help="pull weights to 0")
    add("--batch-size", type=count, metavar="B", help="samples in one step")
    add(
        "--epochs",
        type=count,
        metavar="N",
        help="most passes over the training data (default: 300, or those of the preset)",
    )
    add(
        "--early-stopping",
        type=count,
        metavar="EPOCHS",
        help="with mlp: a trial stops when the validation loss has not fallen for this many epochs "
        "(default: 10)",
    )
    add(
        "--class-weight",
        choices=("balanced",),
        help="give all classes the same total weight, however rare",
    )
    add(
        "--validation",
        type=share_or_file,
        default=0.2,
        metavar="FRACTION|FILE",
        help="rows by which trials are compared: a fraction of the training rows (default: 0.2), "
        "or another file",
    )


def _add_output(add: Callable[..., Any]) -> None:
    add(
        "--save", metavar="FILE", help="train once more with the best settings, and write the model"
    )
    add(
        "--json", action="store_true", help="print one JSON object to stdout and all text to stderr"
    )


def _search(arguments: argparse.Namespace) -> None:
    from xpnet.cli.search.search_command import search

    search(arguments)
