"""The progress of training as one line of a terminal, rewritten in place."""

import os
from time import perf_counter
from typing import Any, TextIO

from xpnet.cli.report import Rows
from xpnet.cli.words import columns_of, fit
from xpnet.training.callbacks import Callback
from xpnet.training.context import FitContext

__all__ = ["LiveLine"]

_WIDEST = 80
_PAUSE = 0.1  # seconds between two drawings
_STRIDE = 128  # steps; an epoch of few steps is shown only when it ends
_FEW = 256
_FIRST = ("val_accuracy", "val_loss", "val_r2", "loss")  # what is shown while there is room


class LiveLine(Callback):
    """Epoch, time left and scores, as many as the terminal is wide enough for.

    Parameters
    ----------
    stream : TextIO
        The terminal.
    rows : Rows
        Keeps the scores in the file's units; it comes before this callback.
    steps : int
        Number of steps in an epoch.
    held : str
        What the columns named ``val_`` are measured on.
    at_most : bool
        Whether training may stop early.
    """

    def __init__(
        self, stream: TextIO, rows: Rows, steps: int, held: str, at_most: bool = False
    ) -> None:
        self._stream, self._rows, self._steps = stream, rows, steps
        self._held, self._at_most = held, at_most
        self._begun: tuple[float, float] | None = None  # when, and how many epochs were done
        self._drawn = 0.0
        self._length = 0

    def stride(self) -> int:
        return _STRIDE if self._steps > _FEW else 0

    def on_safe_point(self, model: Any, context: FitContext) -> None:
        now, done = perf_counter(), context.state.epoch + context.batch / self._steps
        if self._begun is None:
            # The first steps are compiled, so the clock starts after them.
            self._begun = now, done
        if now - self._drawn >= _PAUSE or context.last:
            self._drawn = now
            self._draw(self._line(now, done, context.epochs.stop))

    def on_fit_end(self, model: Any) -> None:
        self._draw("")

    def _scores(self) -> list[str]:
        last: dict[str, float] = next(reversed(list(self._rows.history)), {})
        named = {name: name.replace("val_", f"{self._held} ") for name in _FIRST if name in last}
        return [f"{text} {last[name]:.4g}" for name, text in named.items()]

    def _line(self, now: float, done: float, epochs: int) -> str:
        assert self._begun is not None
        parts = [f"epoch {min(int(done) + 1, epochs)}/{epochs}"]
        start, before = self._begun
        if done > before:
            left = _clock((now - start) / (done - before) * max(epochs - done, 0.0))
            parts.append(f"{'< ' if self._at_most else ''}{left} left")
        room = columns(self._stream) - 1  # a full line would make the terminal scroll
        line = ""
        for part in [*parts, *self._scores()]:
            longer = f"{line}  {part}" if line else part
            if columns_of(longer) > room:
                break
            line = longer
        return line or fit(parts[0], room)

    def _draw(self, line: str) -> None:
        spaces = " " * (self._length - columns_of(line))
        end = "\r" if not line else ""
        self._stream.write(f"\r{line}{spaces}{end}")
        self._stream.flush()
        self._length = columns_of(line)


def columns(stream: TextIO) -> int:
    """Width of a terminal, at most 80."""
    try:
        found = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError, AttributeError):
        found = 0
    return min(found or _WIDEST, _WIDEST)


def _clock(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
