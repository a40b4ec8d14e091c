"""The arguments of the command line, and its help."""

import argparse
import sys
from typing import Any

from xpnet import __version__
from xpnet.cli.parsers.bench_parser import add_bench
from xpnet.cli.parsers.explain_parser import add_explain
from xpnet.cli.parsers.export_parser import add_export
from xpnet.cli.parsers.info_parser import add_info
from xpnet.cli.parsers.saved_parser import add_saved
from xpnet.cli.parsers.search_parser import add_search
from xpnet.cli.parsers.serve_parser import add_serve
from xpnet.cli.parsers.train_parser import add_train

__all__ = ["parser"]

_EXAMPLES = """\
examples:
  xpnet train digits                       small images that come with scikit-learn
  xpnet train mnist --epochs 1 --plot mnist.png
  xpnet train wine.csv --target quality --json
  xpnet train adult.csv --target income --save adult.safetensors
  xpnet search adult.csv --target income --trials 50 --storage journal:search.log
  xpnet evaluate adult.safetensors test.csv
  xpnet predict adult.safetensors new.csv --out income.csv
  xpnet explain adult.safetensors test.csv
  xpnet report adult.safetensors test.csv --html report.html
  xpnet serve adult.safetensors            predictions over HTTP
  xpnet bench --layers 784 128 10          which backend is faster, from which batch size on
  xpnet info                               backends and packages: what works here
"""

# In the order of the help.
_COMMANDS = (
    add_train,
    add_search,
    add_saved,
    add_explain,
    add_export,
    add_serve,
    add_bench,
    add_info,
)


def parser() -> argparse.ArgumentParser:
    """Build the parser; the parsed arguments hold the command's function as ``run``."""
    top = _Parser(
        prog="xpnet",
        description="Multilayer perceptrons on NumPy and, with CuPy, on an NVIDIA GPU.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument(
        "--version", action="version", version=f"xpnet {__version__}", help="print the version"
    )
    top.set_defaults(run=None, parser=top)
    commands = top.add_subparsers(metavar="COMMAND")
    for add in _COMMANDS:
        add(commands)
    return top


class _Parser(argparse.ArgumentParser):
    """A parser whose help fails where it cannot be written; argparse's own says nothing."""

    def _print_message(self, message: str, file: Any = None) -> None:
        stream = file or sys.stderr
        if message and stream is not None:
            stream.write(message)
