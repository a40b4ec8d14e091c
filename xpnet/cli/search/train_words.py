"""The arguments of `xpnet search` as those of `xpnet train`, so that a command repeats a trial."""

import argparse
import shlex
from typing import Any

from xpnet.cli.parsers.train_parser import add_train

__all__ = ["command_of", "parsed", "train_words"]

_PASSED_ON = (
    *("target", "task", "drop", "categorical", "test", "no_header", "delimiter", "encoding"),
    *("decimal", "preset", "hidden", "activation", "dropout", "epochs", "batch_size"),
    *("learning_rate", "weight_decay", "class_weight", "early_stopping", "validation", "seed"),
    *("backend", "dtype", "threads"),
)
_USUAL = {"task": "auto", "preset": "mlp", "seed": 0, "dtype": "float32"}
_PATIENCE = 10


def train_words(arguments: argparse.Namespace) -> list[str]:
    """What the user has given, as words of `xpnet train`, and early stopping."""
    given = {name: getattr(arguments, name) for name in _PASSED_ON}
    if arguments.preset == "mlp" and arguments.early_stopping is None:
        given["early_stopping"] = _PATIENCE
    words = [arguments.data]
    for name, value in given.items():
        if value is not None and value is not False and value != _USUAL.get(name):
            words += _option(f"--{name.replace('_', '-')}", value)
    return words


def _option(name: str, value: Any) -> list[str]:
    if value is True:
        return [name]
    if isinstance(value, list):
        return [name, *map(str, value)]
    return [f"{name}={value}"] if str(value).startswith("-") else [name, str(value)]


def parsed(words: list[str]) -> argparse.Namespace:
    """The arguments of a training."""
    top = argparse.ArgumentParser(prog="xpnet")
    add_train(top.add_subparsers())
    return top.parse_args(["train", *words])


def command_of(words: list[str]) -> str:
    """The command for a shell."""
    return shlex.join(["xpnet", "train", *words])
