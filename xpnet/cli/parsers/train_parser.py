"""The arguments of `xpnet train`."""

import argparse
from collections.abc import Callable
from typing import Any

from xpnet.cli.parsers.train_text import TRAIN
from xpnet.cli.parsers.values import count, units

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
    add("data", metavar="DATA", help="digits, mnist, fashion, FILE.csv or FILE.npz")
    add("--target", metavar="COLUMN", help="column of FILE.csv to predict (default: the last)")
    add(
        "--task",
        choices=("auto", "classification", "regression"),
        default="auto",
        help="kind of target in a file (default: auto, the rule below)",
    )
    _add_network(train.add_argument_group("network").add_argument)
    _add_training(train.add_argument_group("training").add_argument)
    _add_device(train.add_argument_group("where it computes").add_argument)
    _add_output(train.add_argument_group("output").add_argument)
    train.set_defaults(run=_train, parser=train)


def _add_network(add: Callable[..., Any]) -> None:
    add(
        "--hidden",
        type=units,
        nargs="*",
        metavar="UNITS",
        help="units of each hidden layer; without numbers: no hidden layer (put it after DATA)",
    )
    add("--activation", default="relu", metavar="NAME", help="relu, tanh, sigmoid, identity, ...")


def _add_training(add: Callable[..., Any]) -> None:
    add("--epochs", type=count, metavar="N", help="passes over the training data")
    add("--batch-size", type=count, metavar="B", help="samples in one step")
    add("--learning-rate", type=float, metavar="R", help="size of a step")
    add("--optimizer", default="adam", metavar="NAME", help="adam, sgd, adamw, rmsprop, lion, ...")
    add(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="seed of weights, shuffling and a file's split",
    )


def _add_device(add: Callable[..., Any]) -> None:
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
        help="most threads that share a step on a CPU (default: as xpnet info says)",
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
