"""Checkpoints: files from which a fit that was broken off goes on as if it had not been."""

import os
from pathlib import Path
from time import time
from typing import Literal

from xpnet.arguments import count
from xpnet.errors import ArgumentError, FormatError, UnknownNameError
from xpnet.saving.fit_state import take
from xpnet.saving.snapshots import (
    Snapshot,
    checkpoints,
    read_snapshot,
    step_of,
    write_snapshot,
)
from xpnet.training.callbacks.callback import Callback
from xpnet.training.context import FitContext, FittedModel
from xpnet.typing import FilePath

__all__ = ["Checkpoint"]

_STALE = 3600.0  # seconds; a file that is being written is younger


class Checkpoint(Callback):
    """Write checkpoints into a folder while training.

    ``model.fit(..., resume_from=folder)`` goes on from the newest: parameters, the optimiser's
    vectors, schedules, dropout, the order of the samples and the place in the epoch, the history
    and the callbacks are what they were, so that the result has the same bits as that of a run
    which was never broken off. A folder without checkpoints begins at the beginning, so one
    program can be started again and again. A larger ``epochs`` than before trains longer. Each fit
    needs a folder of its own.

    Parameters
    ----------
    folder : str or path
        It is made if it does not exist.
    every : int, default 1
        Epochs or steps between two checkpoints, at least 1. One more is written when the fit ends,
        also by a signal.
    unit : {"epoch", "step"}, default "epoch"
        What `every` counts.
    keep : int, default 3
        How many checkpoints stay; older ones are deleted.

    Raises
    ------
    ArgumentError
        For settings that cannot be used, and before the training if the folder cannot be written.

    Notes
    -----
    A file is written beside the old ones and then renamed, so that whatever happens there is a
    whole one. Values are copied from a GPU for each, which waits for it. The data are not kept:
    resume with the same data, batch size and callbacks. Parameters that are NaN or infinite are
    not written. A learning rate that is a function of one's own is taken as it is given. An order
    of the samples that a function of one's own draws is that function's to repeat.

    Examples
    --------
    >>> import tempfile, xpnet as xn
    >>> X, y, _, _ = xn.datasets.digits()
    >>> folder = tempfile.mkdtemp()
    >>> def train():
    ...     model = xn.MLP([64, 32, 10])
    ...     save = xn.Checkpoint(folder, every=10, unit="step")
    ...     return model.fit(X, y, epochs=3, callbacks=[save], resume_from=folder)
    >>> len(train()), len(train())  # the second time everything is there already
    (3, 3)
    """

    def __init__(
        self,
        folder: FilePath,
        every: int = 1,
        unit: Literal["epoch", "step"] = "epoch",
        keep: int = 3,
    ) -> None:
        if not isinstance(folder, str | os.PathLike):
            raise ArgumentError(f"folder must be the name of a folder, got {folder!r}.")
        if unit not in ("epoch", "step"):
            raise UnknownNameError("unit", unit, ("epoch", "step"))
        self.folder, self.every, self.unit = Path(folder), count("every", every), unit
        self.keep = count("keep", keep)

    def check(self, columns: tuple[str, ...]) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArgumentError(
                f"{self.folder} cannot be made a folder for checkpoints: {error}. Give another."
            ) from error
        if not os.access(self.folder, os.W_OK):
            raise ArgumentError(f"{self.folder} cannot be written: give another folder.")

    def on_fit_begin(self, model: FittedModel) -> None:
        if model.optimizer.whole_batch:
            raise ArgumentError("a fit by L-BFGS has no checkpoints: SciPy keeps its state.")

    def on_run_begin(self, context: FitContext, snapshot: Snapshot | None) -> None:
        step = -1 if snapshot is None else snapshot.state["step"]
        later = [p for p in checkpoints(self.folder) if step_of(p) > step and _whole(p)]
        if later:
            raise ArgumentError(
                f"{self.folder} holds checkpoints that this fit does not go on from, such as "
                f"{later[-1].name}: give fit resume_from={str(self.folder)!r} to go on from the "
                "newest, or let each fit have a folder of its own."
            )
        for path in self.folder.glob(".xpnet-*.tmp"):
            if time() - path.stat().st_mtime > _STALE:  # of a process that was killed
                path.unlink(missing_ok=True)

    def stride(self) -> int:
        return self.every if self.unit == "step" else 0

    def on_safe_point(self, model: FittedModel, context: FitContext) -> None:
        if (context.last or self._due(context)) and context.engine.finite():
            path = self.folder / f"checkpoint-{context.state.step:012d}.safetensors"
            write_snapshot(path, take(context))
            for old in checkpoints(self.folder)[: -self.keep]:
                old.unlink(missing_ok=True)

    def _due(self, context: FitContext) -> bool:
        if self.unit == "epoch":
            return context.batch == 0 and context.state.epoch % self.every == 0
        return context.state.step % self.every == 0


def _whole(path: Path) -> bool:
    try:
        return read_snapshot(path) is not None
    except FormatError:
        return False
