"""`main`: run a command; turn errors into a message and an exit status."""

import os
import sys
import warnings
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import TextIOWrapper
from typing import Any, TextIO, cast

from xpnet.cli.option_words import in_options
from xpnet.cli.own_files import check_outputs
from xpnet.cli.parser import parser
from xpnet.errors import XpnetError, XpnetWarning, printable

__all__ = ["main"]

# A shell reports 128 + the signal's number for a program that a signal stopped.
_INTERRUPTED, _BROKEN_PIPE = 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, without the program's name; by default those of the process.

    Returns
    -------
    int
        0 on success, 2 after an error (described on standard error) or without a command,
        130 after Ctrl-C, 141 if the reader of the output has closed it.

    Raises
    ------
    SystemExit
        From argparse: 0 after ``--help`` and ``--version``, 2 for arguments that it cannot parse.
    """
    if sys.stdout is None or sys.stderr is None:  # closed, as by >&- in a shell
        return _without_streams()
    try:
        with _every_letter():
            try:
                return _run(argv)
            finally:  # after --help, too: argparse ignores that a text cannot be written
                sys.stdout.flush()
    except KeyboardInterrupt:
        print("xpnet: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        _silence(sys.stdout, sys.stderr)
        return _BROKEN_PIPE
    except OSError as error:  # such as a full disk under the standard output
        _silence(sys.stdout)
        return _fail(f"reading or writing failed: {error}.")


def _run(argv: Sequence[str] | None) -> int:
    """Run the command line; 2 after an error, or if it names no command."""
    arguments, unknown = parser().parse_known_args(argv)
    if unknown:
        # The command's own parser shows the usage of that command.
        arguments.parser.error(
            f"unrecognized arguments: {' '.join(unknown)} (-h lists the options)"
        )
    if arguments.run is None:
        arguments.parser.print_help(sys.stderr)
        return 2
    try:
        with _plain_warnings(arguments.parser), redirect_stdout(cast(TextIO, _Printed())):
            check_outputs(arguments)
            arguments.run(arguments)
    except (XpnetError, MemoryError) as error:
        return _fail(in_options(str(error), arguments.parser) or "not enough memory")
    return 0


def _without_streams() -> int:
    """Say, if it can be said, that there is nowhere to write to."""
    if sys.stderr is not None:
        return _fail("the standard output is closed: redirect it to a file, or to /dev/null.")
    return 2


def _fail(words: str) -> int:
    try:
        print(f"xpnet: error: {words}", file=sys.stderr, flush=True)
    except OSError:  # the disk under the standard error is full, too
        _silence(sys.stderr)
    return 2


@contextmanager
def _plain_warnings(parser: ArgumentParser) -> Iterator[None]:
    """Print the library's warnings as sentences, without the source line that raised them."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def plain(message: Any, category: type[Warning], *args: Any, **kwargs: Any) -> None:
            if issubclass(category, XpnetWarning):
                words = in_options(" ".join(str(message).split()), parser)
                print(f"xpnet: warning: {words}", file=sys.stderr)
            else:
                show(message, category, *args, **kwargs)

        warnings.showwarning = plain
        yield


@contextmanager
def _every_letter() -> Iterator[None]:
    r"""Escape letters that the encoding of the standard output lacks, as in ``\u6771``."""
    out = sys.stdout
    if not isinstance(out, TextIOWrapper):
        yield
        return
    errors = out.errors
    out.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        out.reconfigure(errors=errors)


class _Printed:
    """The standard output, with control characters in the texts of files escaped."""

    def __init__(self) -> None:
        self._stream = sys.stdout

    def write(self, text: str) -> int:
        self._stream.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _silence(*streams: TextIO) -> None:
    """Discard what is left in the buffers: Python flushes them once more when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream.fileno())
