"""`main`: run a command; turn what can go wrong into one line and an exit status."""

import os
import sys
from collections.abc import Sequence

from xpnet.cli.parser import parser
from xpnet.errors import XpnetError

__all__ = ["main"]

# What a shell reports of a program that the signal itself stopped: 128 + its number.
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
        0 if all went well, 2 after an error (one line on standard error says which), 130 after
        Ctrl-C, 141 if the reader of the output has gone.

    Raises
    ------
    SystemExit
        From argparse: 0 after ``--help`` and ``--version``, 2 for arguments it cannot read.
    """
    arguments = parser().parse_args(argv)
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except (XpnetError, MemoryError) as error:
        return _fail(error)
    except KeyboardInterrupt:
        print("xpnet: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        _silence()
        return _BROKEN_PIPE
    return 0


def _fail(error: Exception) -> int:
    """Say it in one line, however many the message has."""
    text = " ".join(line.strip() for line in str(error).splitlines())
    print(f"xpnet: error: {text or 'not enough memory'}", file=sys.stderr)
    return 2


def _silence() -> None:
    """Send what is left in the buffers nowhere: Python flushes them once more at its exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
