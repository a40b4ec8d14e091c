"""A command does not overwrite the files that it reads, or one of its outputs by another."""

import argparse
import os

from xpnet.errors import ArgumentError
from xpnet.typing import FilePath

__all__ = ["check_outputs", "check_own"]

_INPUTS = {  # by the names of the arguments
    "model": "the model itself",
    "data": "the file with the data",
    "test": "the file of --test",
    "validation": "the file of --validation",
}
_OUTPUTS = ("save", "out", "html", "plot", "json")


def check_outputs(arguments: argparse.Namespace) -> None:
    """Check all outputs of a command before it does anything.

    Raises
    ------
    ArgumentError
        If one would overwrite what the command reads, or another output.
    """
    given = {name: value for name, value in vars(arguments).items() if _is_name(value)}
    inputs = [(given[name], what) for name, what in _INPUTS.items() if name in given]
    others = [(file, what) for file, what in inputs if os.path.exists(file)]  # not "digits"
    for name in _OUTPUTS:
        if name in given:
            for other, what in others:
                check_own(f"--{name}", given[name], other, what)
            others.append((given[name], f"the file of --{name}"))


def check_own(option: str, out: FilePath, other: FilePath, what: str) -> None:
    """Refuse an output that is another file, by whatever name.

    Raises
    ------
    ArgumentError
        If it is.
    """
    if _same(out, other):
        raise ArgumentError(f"{option} {out}: this is {what}. Choose another name with {option}.")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _same(one: FilePath, other: FilePath) -> bool:
    try:
        return os.path.realpath(one) == os.path.realpath(other) or os.path.samefile(one, other)
    except (OSError, ValueError):  # one does not exist, or cannot
        return False
