"""The progress bar of `Model.fit`: epoch, loss, samples per second."""

import sys
from typing import Any, Literal

from xpnet.errors import ArgumentError, in_brief

__all__ = ["Progress"]


class Progress:
    """A tqdm bar over all samples of all epochs, or nothing.

    Parameters
    ----------
    verbose : bool or "auto"
        ``"auto"`` shows the bar if standard error is a terminal.

    Attributes
    ----------
    shown : bool
        Whether there is a bar.
    """

    def __init__(self, verbose: bool | Literal["auto"]) -> None:
        if not isinstance(verbose, bool | int | str) or verbose not in (True, False, "auto"):
            raise ArgumentError(f"verbose must be True, False or 'auto', got {in_brief(verbose)}.")
        self.shown = sys.stderr.isatty() if verbose == "auto" else bool(verbose)
        self._bar: Any = None
        self._epochs = self._epoch = 0

    def begin(self, epochs: int, samples: int) -> None:
        """Show the bar for this many epochs of this many samples."""
        self._epochs = epochs
        if self.shown:
            from tqdm import tqdm

            self._bar = tqdm(
                total=epochs * samples, unit="sample", unit_scale=True, dynamic_ncols=True
            )

    def epoch(self) -> None:
        """Begin an epoch."""
        self._epoch += 1
        if self._bar is not None:
            self._bar.set_description(f"epoch {self._epoch}/{self._epochs}", refresh=False)

    def step(self, samples: int) -> None:
        """Count the samples of a batch."""
        if self._bar is not None:
            self._bar.update(samples)

    def report(self, row: dict[str, float]) -> None:
        """Show the loss and metrics of the epoch that ended."""
        if self._bar is not None:
            hidden = ("epoch", "learning_rate", "seconds")
            self._bar.set_postfix({k: f"{v:.4g}" for k, v in row.items() if k not in hidden})

    def close(self) -> None:
        """Close the bar and leave it on the screen."""
        if self._bar is not None:
            self._bar.close()
