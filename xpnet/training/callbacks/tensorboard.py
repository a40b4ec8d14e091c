"""Write the history for TensorBoard."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from math import isnan
from pathlib import Path
from typing import Any
from uuid import uuid4

from xpnet.errors import ArgumentError, WriteError, in_brief
from xpnet.optional import require
from xpnet.training.callbacks.callback import Callback
from xpnet.training.callbacks.monitor import GradientMonitor
from xpnet.training.context import FitContext, FittedModel
from xpnet.training.snapshot import Snapshot
from xpnet.typing import FilePath

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Write each epoch's row of the history for TensorBoard; needs the extra ``tensorboard``.

    The runs ``train`` and ``validation`` in the folder hold ``loss`` and the metrics under the
    same names, so TensorBoard draws both curves in one chart.

    Parameters
    ----------
    folder : str or path
        Created if it does not exist. Existing files stay: each fit adds new ones.
    monitor : GradientMonitor, optional
        One of the fit's callbacks. Its norms are written too, by step.

    Raises
    ------
    MissingDependencyError
        If tensorboardX is not installed.
    ArgumentError
        If `folder` or `monitor` has another type, or, at the beginning of a fit, if the folder
        cannot be written.
    WriteError
        If it cannot be written later, as on a full disk.

    Examples
    --------
    >>> import tempfile, xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> monitor = xn.GradientMonitor()
    >>> board = xn.TensorBoard(tempfile.mkdtemp(), monitor)  # then: tensorboard --logdir FOLDER
    >>> history = xn.MLP([64, 32, 10]).fit(X, y, epochs=3, callbacks=[monitor, board])
    """

    def __init__(self, folder: FilePath, monitor: GradientMonitor | None = None) -> None:
        if not isinstance(folder, str | os.PathLike):
            raise ArgumentError(f"folder must be the name of a folder, got {in_brief(folder)}.")
        if monitor is not None and not isinstance(monitor, GradientMonitor):
            raise ArgumentError(
                f"monitor must be a GradientMonitor or None, got {in_brief(monitor)}."
            )
        self._library = require("tensorboardX", "tensorboard", "the TensorBoard callback")
        self.folder, self._monitor = Path(folder), monitor
        self._writers: dict[str, Any] = {}
        self._seen = 0  # rows of the monitor that have been written
        self._writes = True

    def _writer(self, run: str) -> Any:
        if run not in self._writers:
            # The library names files by the second, and would overwrite one of the same second.
            self._writers[run] = self._library.SummaryWriter(
                str(self.folder / run), filename_suffix=f".{uuid4().hex}"
            )
        return self._writers[run]

    def on_run_begin(self, context: FitContext, snapshot: Snapshot | None) -> None:
        self._writes = context.leads

    def on_fit_begin(self, model: FittedModel) -> None:
        if not self._writes:
            return
        try:
            self._writer("train")
        except (OSError, ValueError) as error:  # ValueError: no name of a folder
            raise ArgumentError(f"{self.folder} cannot be written: {error}.") from error

    def on_epoch_end(self, model: FittedModel, epoch: int, logs: dict[str, float]) -> None:
        if not self._writes:
            return
        with self._writing():
            for name, value in logs.items():
                run = "validation" if name.startswith("val_") else "train"
                if name != "epoch":
                    self._writer(run).add_scalar(name.removeprefix("val_"), value, epoch)
            self._write_norms()
            for writer in self._writers.values():
                writer.flush()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WriteError(
                f"{self.folder} cannot be written: {error}. Most of earlier epochs is in it."
            ) from error

    def _write_norms(self) -> None:
        """Write the records that the monitor has added since the last call."""
        rows = [] if self._monitor is None else self._monitor.rows[self._seen :]
        self._seen += len(rows)
        for row in rows:
            for column in ("gradient", "parameter", "update", "ratio", "inactive"):
                if not isnan(row[column]):
                    tag = f"{column}/{row['name']}"
                    self._writer("train").add_scalar(tag, row[column], row["step"])

    def on_fit_end(self, model: FittedModel) -> None:
        try:
            with self._writing():
                if self._writers:
                    self._write_norms()  # of an epoch that was not finished
                for writer in self._writers.values():
                    writer.close()
        finally:
            self._writers = {}
