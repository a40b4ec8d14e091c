"""Checkpoints: files from which an interrupted fit resumes as if it had never stopped."""

import os
from contextlib import suppress
from pathlib import Path
from time import time
from typing import Literal

from xpnet.arguments import choice, count
from xpnet.errors import ArgumentError, FormatError
from xpnet.saving.fit_state import take
from xpnet.saving.snapshots import (
    Snapshot,
    checkpoints,
    read_snapshot,
    step_of,
    write_snapshot,
)
from xpnet.saving.whole_file import given_path
from xpnet.training.callbacks.callback import Callback
from xpnet.training.context import FitContext, FittedModel
from xpnet.typing import FilePath

__all__ = ["Checkpoint"]

_STALE = 3600.0  # seconds; a file that is being written is younger


class Checkpoint(Callback):
    """Write checkpoints into a folder while training.

    ``model.fit(..., resume_from=folder)`` resumes from the newest. Parameters, the optimizer's
    vectors, schedules, dropout, the order of the samples, the position in the epoch, the history
    and the callbacks are restored, so the result has the same bits as a run without interruption.
    If the folder has no checkpoint, training starts from the beginning, so the same program can be
    started again and again. A larger ``epochs`` than before trains longer. Each fit needs its own
    folder.

    Parameters
    ----------
    folder : str or path
        Created if it does not exist.
    every : int, default 1
        Epochs or steps between two checkpoints, at least 1. Another is written when the fit ends,
        even if a signal ends it.
    unit : {"epoch", "step"}, default "epoch"
        What `every` counts.
    keep : int, default 3
        Number of checkpoints to keep; older ones are deleted.

    Raises
    ------
    ArgumentError
        For settings that cannot be used, and before the training if the folder cannot be written.

    Notes
    -----
    A file is written under another name and then renamed, so whatever happens, a whole one exists.
    Each checkpoint waits for a GPU and copies from it. The data are not stored: resume with the
    same data, batch size and callbacks. Other data or settings are refused, and named; to continue
    with another learning rate, assign ``model.optimizer.learning_rate`` in a callback's
    `on_epoch_begin`. Parameters that are NaN or infinite are not written. If
    the learning rate is your own function, it is not stored either, but used as given. If your own
    function draws the order of the samples, it must draw the same order again.

    Examples
    --------
    >>> import tempfile, xpnet as xn
    >>> X, y, _, _ = xn.datasets.digits()
    >>> folder = tempfile.mkdtemp()
    >>> def train():
    ...     model = xn.MLP([64, 32, 10])
    ...     save = xn.Checkpoint(folder, every=10, unit="step")
    ...     return model.fit(X, y, epochs=3, callbacks=[save], resume_from=folder)
    >>> len(train()), len(train())  # the second call has nothing left to do
    (3, 3)
    """

    def __init__(
        self,
        folder: FilePath,
        every: int = 1,
        unit: Literal["epoch", "step"] = "epoch",
        keep: int = 3,
    ) -> None:
        choice("unit", unit, ("epoch", "step"))
        self.folder, self.every, self.unit = (
            given_path(folder, "a folder"),
            count("every", every),
            unit,
        )
        self.keep = count("keep", keep)

    def check(self, columns: tuple[str, ...]) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArgumentError(
                f"{self.folder} cannot be created as a folder: {error}. Use another folder."
            ) from error
        if not os.access(self.folder, os.W_OK):
            raise ArgumentError(f"{self.folder} cannot be written: use another folder.")

    def on_fit_begin(self, model: FittedModel) -> None:
        if model.optimizer.whole_batch:
            raise ArgumentError("a fit by L-BFGS has no checkpoints: SciPy keeps its state.")

    def on_run_begin(self, context: FitContext, snapshot: Snapshot | None) -> None:
        if not context.leads:
            return
        step = -1 if snapshot is None else snapshot.state["step"]
        later = [p for p in checkpoints(self.folder) if step_of(p) > step and _whole(p)]
        if later:
            raise ArgumentError(
                f"{self.folder} holds checkpoints that this fit does not resume from, such as "
                f"{later[-1].name}: pass resume_from={str(self.folder)!r} to fit to resume from "
                "the newest, or use a new folder for each fit."
            )
        for path in self.folder.glob(".xpnet-*.tmp"):
            with suppress(OSError):  # another process may have deleted it
                if time() - path.stat().st_mtime > _STALE:  # left by a killed process
                    path.unlink()

    def stride(self) -> int:
        return self.every if self.unit == "step" else 0

    def on_safe_point(self, model: FittedModel, context: FitContext) -> None:
        if (context.last or self._due(context)) and context.engine.finite():
            snapshot = take(context)  # together with the other processes of a distributed fit
            if context.leads:
                self._write(context.state.step, snapshot)

    def _write(self, step: int, snapshot: Snapshot) -> None:
        write_snapshot(self.folder / f"checkpoint-{step:012d}.safetensors", snapshot)
        for old in checkpoints(self.folder)[: -self.keep]:
            with suppress(OSError):  # it is deleted after the next one
                old.unlink()

    def _due(self, context: FitContext) -> bool:
        if self.unit == "epoch":
            return context.batch == 0 and context.state.epoch % self.every == 0
        return context.state.step % self.every == 0


def _whole(path: Path) -> bool:
    try:
        return read_snapshot(path) is not None
    except FormatError:
        return False
