"""How `xpnet train` trains: what both of its ways have in common."""

import argparse
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import ceil
from typing import Any, TextIO

from xpnet.cli.live_line import LiveLine
from xpnet.cli.report import Rows
from xpnet.cli.source import Source
from xpnet.nn.table_inputs import Scaling
from xpnet.tabular.table_model import TableModel
from xpnet.training.callbacks import Callback

__all__ = ["Training"]


class Training(ABC):
    """A network for a source, and its training.

    Attributes
    ----------
    arguments : argparse.Namespace
        Those of `xpnet train`, completed by defaults.
    source : Source
    prepared : Prepared
        How the columns become inputs.
    rows : Rows
        The history.
    """

    scaling: Scaling

    def __init__(self, arguments: argparse.Namespace, source: Source, out: TextIO) -> None:
        self.arguments, self.source, self.out = arguments, source, out
        self.prepared = source.prepared(self.scaling)
        self.rows = Rows(source.target.scale, None if out.isatty() else out, self.kept())

    @staticmethod
    @abstractmethod
    def check(arguments: argparse.Namespace) -> None:
        """Check the settings, before data are read.

        Raises
        ------
        ArgumentError
            If a setting cannot be used.
        """

    def kept(self) -> dict[str, Any]:
        """What a checkpoint holds besides the training."""
        return {}

    @abstractmethod
    def summary(self) -> str:
        """The network and the settings, as text."""

    @abstractmethod
    def run(self, watchers: Sequence[Callback] | None = None) -> tuple[TableModel, str]:
        """Train; return the model, and words that say which epoch it is of, if not of the last.

        `watchers` are callbacks in place of those that show the training.
        """

    def shown(self, at_most: bool = False) -> list[Callback]:
        """The settings, then the history: epoch by epoch, or as one line if there is a terminal."""
        opening = _Opening(self.summary(), self.out)
        terminal = next((stream for stream in (sys.stderr, self.out) if stream.isatty()), None)
        if terminal is None or self.arguments.distributed:
            return [opening, self.rows]
        steps = ceil(self.source.rows["train"] / self.arguments.batch_size)
        return [opening, self.rows, LiveLine(terminal, self.rows, steps, self.source.held, at_most)]


class _Opening(Callback):
    """Prints the network and the settings when a training begins: no checkpoint refuses them."""

    def __init__(self, text: str, out: TextIO) -> None:
        self._text, self._out = text, out

    def on_fit_begin(self, model: Any) -> None:
        print(f"\n{self._text}\n", file=self._out, flush=True)
