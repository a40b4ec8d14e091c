"""The arguments of `xpnet train`."""

import argparse
from collections.abc import Callable
from typing import Any

from xpnet.cli.parsers.data_options import add_device, add_table
from xpnet.cli.parsers.train_text import TRAIN
from xpnet.cli.parsers.values import count, share_or_file, units

__all__ = ["add_train"]


def add_train(commands: Any) -> None:
    """Add the command."""
    train = commands.add_parser(
        "train",
        usage="xpnet train DATA [options]",
        help="train a network on a data set or a file",
        description="Train a multilayer perceptron and measure it on held-out test data.",
        epilog=TRAIN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = train.add_argument
    add(
        "data",
        metavar="DATA",
        help="digits, mnist, fashion, a table (FILE.csv, .tsv, .parquet, .npz), or - for stdin",
    )
    add_table(train.add_argument_group("table").add_argument)
    _add_network(train.add_argument_group("network").add_argument)
    _add_training(train.add_argument_group("training").add_argument)
    device = train.add_argument_group("device").add_argument
    add_device(device)
    device(
        "--distributed",
        action="store_true",
        help="train with all processes that mpiexec has started; the first prints and writes",
    )
    _add_output(train.add_argument_group("output").add_argument)
    train.set_defaults(run=_train, parser=train)


def _add_network(add: Callable[..., Any]) -> None:
    add(
        "--preset",
        choices=("mlp", "fast", "realmlp"),
        default="mlp",
        help="a plain network (mlp, the default), or the recipe of xpnet.TabularClassifier and "
        "TabularRegressor, which usually scores better: realmlp takes minutes, fast seconds",
    )
    add(
        "--hidden",
        type=units,
        nargs="*",
        metavar="UNITS",
        help="units of each hidden layer; without numbers: no hidden layer (put it after DATA)",
    )
    add("--activation", metavar="NAME", help="relu (default), tanh, sigmoid, identity, ...")
    add(
        "--dropout",
        type=float,
        metavar="RATE",
        help="share of the hidden units that each step leaves out (default: 0)",
    )


def _add_training(add: Callable[..., Any]) -> None:
    add("--epochs", type=count, metavar="N", help="passes over the training data")
    add("--batch-size", type=count, metavar="B", help="samples in one step")
    add("--learning-rate", type=float, metavar="R", help="size of a step")
    add("--optimizer", metavar="NAME", help="adam (default), sgd, adamw, rmsprop, lion, ...")
    add(
        "--weight-decay",
        type=float,
        metavar="D",
        help="pull weights to 0; the default optimizer is then adamw",
    )
    add(
        "--class-weight",
        choices=("balanced",),
        help="give all classes the same total weight, however rare",
    )
    add(
        "--early-stopping",
        type=count,
        nargs="?",
        const=10,
        metavar="EPOCHS",
        help="stop when the validation loss has not fallen for this many epochs (10 if no number "
        "follows), and keep the best epoch",
    )
    add(
        "--validation",
        type=share_or_file,
        metavar="FRACTION|FILE",
        help="rows to measure after each epoch: a fraction of the training rows (with "
        "--early-stopping: 0.1), or another file; otherwise the test rows are shown",
    )
    add(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="seed of weights, shuffling and a file's split",
    )


def _add_output(add: Callable[..., Any]) -> None:
    add("--plot", metavar="FILE", help="draw loss and accuracy (.png, .pdf, .svg; xpnet[plot])")
    add("--save", metavar="FILE", help="write the model, for predict, evaluate and inspect")
    add("--checkpoint", metavar="DIR", help="write a checkpoint into this folder after each epoch")
    add("--resume", action="store_true", help="continue from the folder's newest checkpoint")
    add(
        "--json", action="store_true", help="print one JSON object to stdout and all text to stderr"
    )


def _train(arguments: argparse.Namespace) -> None:
    from xpnet.cli.train_command import train

    train(arguments)
