"""Write each epoch's row of the history to a file, as soon as it exists."""

import csv
import json
import os
from contextlib import suppress
from io import FileIO, StringIO
from math import isfinite
from pathlib import Path
from typing import Any

from xpnet.arguments import flag
from xpnet.errors import ArgumentError, FormatError, WriteError, in_brief
from xpnet.training.callbacks.callback import Callback
from xpnet.training.context import FitContext, FittedModel
from xpnet.training.snapshot import Snapshot
from xpnet.typing import FilePath

__all__ = ["CSVLog", "JSONLinesLog"]


class _Log(Callback):
    """A text file that is opened before the training and gets one line per epoch."""

    def __init__(self, path: FilePath, append: bool = False, overwrite: bool = False) -> None:
        if not isinstance(path, str | os.PathLike):
            raise ArgumentError(f"path must be the name of a file, got {in_brief(path)}.")
        self._append, self._overwrite = flag("append", append), flag("overwrite", overwrite)
        if self._append and self._overwrite:
            raise ArgumentError("append and overwrite exclude each other: give one of them.")
        self.path = Path(path)
        self._file: FileIO | None = None
        self._writes = True

    def on_run_begin(self, context: FitContext, snapshot: Snapshot | None) -> None:
        self._writes = context.leads
        if snapshot is not None:
            self._append, self._overwrite = True, False

    def get_state(self) -> dict[str, Any]:
        return {"size": self.path.stat().st_size if self._file is not None else 0}

    def set_state(self, model: FittedModel, state: dict[str, Any]) -> None:
        if not self._writes:
            return
        assert self._file is not None
        size = state.get("size")
        if state.keys() != {"size"} or not isinstance(size, int) or size < 0:
            raise FormatError(f"the checkpoint is damaged: it has no size of {self.path}.")
        if self._file.tell() > size:  # rows after the checkpoint are written again
            self._file.truncate(size)

    def on_fit_begin(self, model: FittedModel) -> None:
        if not self._writes:
            return
        try:
            self._open(self.path.read_bytes() if self.path.is_file() else b"")
        except (OSError, ValueError) as error:  # ValueError: no text, or no name of a file
            raise ArgumentError(
                f"{self.path} cannot be used as a log: {error}. Give a text file in a folder that "
                "exists."
            ) from error
        self._append, self._overwrite = True, False  # a second fit continues the same file

    def _open(self, old: bytes) -> None:
        """Open the file, whose contents are `old`."""
        if old and not (self._append or self._overwrite):
            raise ArgumentError(
                f"{self.path} exists and is not overwritten: use append=True to continue it, "
                "overwrite=True to replace it, or another path."
            )
        continued = bool(old) and self._append
        if continued:
            self._check(old.decode("utf-8"))
        self._file = self.path.open("ab" if self._append else "wb", buffering=0)
        if continued and not old.endswith(b"\n"):
            self._write("\n")  # its last line was cut off: begin a new one

    def _check(self, text: str) -> None:
        """Raise unless this is a log that can be continued."""

    def _write(self, text: str) -> None:
        if not self._writes:
            return
        assert self._file is not None
        rest, end = text.encode(), self._file.tell()
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(end)  # no half of a line stays
            raise WriteError(
                f"{self.path} cannot be written: {error}. The rows of earlier epochs are in it."
            ) from error

    def on_fit_end(self, model: FittedModel) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _csv_line(cells: Any) -> str:
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


class CSVLog(_Log):
    """Write each epoch's row of the history to a CSV file, at once and with all digits.

    Parameters
    ----------
    path : str or path
        The file; its folder must exist.
    append : bool, default False
        Append to an existing file, whose columns must be the same. The same object given to a
        second fit always appends.
    overwrite : bool, default False
        Replace an existing file. Without either, an existing file is an error.

    Raises
    ------
    ArgumentError
        Before anything is trained, if the file exists, cannot be written, is not such a log or has
        other columns.

    Notes
    -----
    Rows are flushed as they are written, so a killed run keeps them.

    Examples
    --------
    >>> import csv, pathlib, tempfile, xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> path = pathlib.Path(tempfile.mkdtemp(), "run.csv")
    >>> history = xn.MLP([64, 32, 10]).fit(X, y, epochs=3, callbacks=[xn.CSVLog(path)])
    >>> rows = csv.DictReader(path.read_text().splitlines())
    >>> [float(row["loss"]) for row in rows] == history["loss"]
    True
    """

    _columns: list[str] | None = None  # of the file, once known
    _recorded: set[str] | None = None  # by this fit

    def check(self, columns: tuple[str, ...]) -> None:
        self._recorded = set(columns)

    def on_fit_begin(self, model: FittedModel) -> None:
        self._columns = None
        super().on_fit_begin(model)

    def _check(self, text: str) -> None:
        self._columns = next(csv.reader([text.partition("\n")[0].rstrip("\r")]))
        if self._columns[:2] != ["epoch", "loss"]:
            raise ArgumentError(
                f"{self.path} is not a training log: its first columns are "
                f"{self._columns[:2]}, not ['epoch', 'loss']. Give another path."
            )
        if self._recorded is not None and self._recorded != set(self._columns):
            self._refuse(sorted(self._recorded))

    def _refuse(self, columns: list[str]) -> None:
        assert self._columns is not None
        raise ArgumentError(
            f"{self.path} has the columns {', '.join(self._columns)}, but this training has "
            f"{', '.join(columns)}: give another path."
        )

    def on_epoch_end(self, model: FittedModel, epoch: int, logs: dict[str, float]) -> None:
        if self._columns is None:
            self._columns = list(logs)
            self._write(_csv_line(logs))
        if list(logs) != self._columns:
            self._refuse(list(logs))
        self._write(_csv_line(logs.values()))


class JSONLinesLog(_Log):
    """Write each epoch's row of the history as one line of JSON, at once and with all digits.

    Parameters
    ----------
    path : str or path
        The file; its folder must exist.
    append : bool, default False
        Append to an existing file. The same object given to a second fit always appends.
    overwrite : bool, default False
        Replace an existing file. Without either, an existing file is an error.

    Raises
    ------
    ArgumentError
        Before anything is trained, if the file exists or cannot be written.

    Notes
    -----
    NaN and infinity, which JSON does not have, are written as null. Rows are flushed as they are
    written, so a killed run keeps them.

    Examples
    --------
    >>> import json, pathlib, tempfile, xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> path = pathlib.Path(tempfile.mkdtemp(), "run.jsonl")
    >>> history = xn.MLP([64, 32, 10]).fit(X, y, epochs=3, callbacks=[xn.JSONLinesLog(path)])
    >>> [json.loads(line) for line in path.read_text().splitlines()] == list(history)
    True
    """

    def on_epoch_end(self, model: FittedModel, epoch: int, logs: dict[str, float]) -> None:
        row = {name: value if isfinite(value) else None for name, value in logs.items()}
        self._write(json.dumps(row, allow_nan=False) + "\n")
