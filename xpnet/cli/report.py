"""The output of `xpnet train`: a row for each epoch, the results, one JSON object."""

import argparse
import json
import sys
from math import isfinite
from typing import Any, TextIO

from xpnet import __version__
from xpnet.cli.source import Source
from xpnet.model import Model
from xpnet.training.callbacks import Callback
from xpnet.training.history import History

__all__ = ["Rows", "Units", "as_json", "describe", "results"]

_WIDTH = 9
_HIDDEN = "learning_rate"  # it does not change


class Units:
    """Convert measurements to the units of the data.

    A squared error of standardized values is multiplied by their variance.
    """

    def __init__(self, classes: tuple[str, ...] | None, unit: float, y_test: Any) -> None:
        self._classes, self._factor = classes, unit**2
        # The mean squared error of always predicting the mean of the test rows.
        self._spread = 0.0 if classes else float(y_test.var())

    def row(self, row: dict[str, float]) -> dict[str, float]:
        """Convert a row of the history."""
        losses = ("loss", "val_loss")
        return {k: v * self._factor if k in losses else v for k, v in row.items()}

    def results(self, measured: dict[str, float]) -> dict[str, float | None]:
        """Name and convert the results of `Model.evaluate`.

        ``test_r2`` is ``1 - mse / variance of the test targets``; None if these are all equal.
        """
        loss = measured["loss"]
        known = self._classes is None and self._spread > 0
        return {
            "test_loss": loss * self._factor,
            "test_accuracy": measured.get("accuracy"),
            "test_r2": 1 - loss / self._spread if known else None,
        }


class Rows(Callback):
    """Print each epoch when it ends, above the progress bar if there is one; keep the history."""

    def __init__(self, units: Units, out: TextIO) -> None:
        self.history = History()
        self._units, self._out = units, out
        self._widths: list[int] = []

    def on_epoch_end(self, model: Model, epoch: int, logs: dict[str, float]) -> None:
        """Print."""
        row = self._units.row(logs)
        self.history.append(row)
        if not self._widths:
            names = [name for name in row if name != _HIDDEN]
            self._widths = [max(len(name), _WIDTH) for name in names]
            self._print(names)
        self._print([_shown(k, v) for k, v in row.items() if k != _HIDDEN])

    def get_state(self) -> dict[str, Any]:
        return {"rows": list(self.history)}

    def set_state(self, model: Model, state: dict[str, Any]) -> None:
        for row in state["rows"]:
            self.history.append(row)

    def _print(self, cells: list[str]) -> None:
        line = "  ".join(c.rjust(w) for c, w in zip(cells, self._widths, strict=True))
        if sys.stderr.isatty():
            from tqdm import tqdm

            tqdm.write(line, file=self._out)
        else:
            print(line, file=self._out, flush=True)


def _shown(name: str, value: float) -> str:
    if name == "epoch":
        return str(int(value))
    return f"{value:.3f}" if name == "seconds" else f"{value:.4g}"


def results(found: dict[str, float | None], seconds: float) -> str:
    """The last line of the text output."""
    regression = found["test_accuracy"] is None
    names = {
        "test_accuracy": "accuracy",
        "test_r2": "R2",
        "test_loss": "mean squared error" if regression else "loss",
    }
    shown = [f"{text} {found[k]:.4g}" for k, text in names.items() if found[k] is not None]
    return f"\ntest: {', '.join(shown)}; trained in {seconds:.1f} s"


def describe(arguments: argparse.Namespace, model: Model, source: Source) -> dict[str, Any]:
    """The data, the network and the settings."""
    flags = ("activation", "optimizer", "learning_rate", "batch_size", "epochs")
    return {
        "xpnet": __version__,
        "dataset": arguments.data,
        "task": "regression" if source.classes is None else "classification",
        "target": source.target,
        "classes": source.classes,
        "features": source.X.shape[1],
        "train_rows": len(source.X),
        "test_rows": len(source.X_test),
        "hidden": arguments.hidden,
        "parameters": model.network.table.size,
        **{name: getattr(arguments, name) for name in flags},
        "seed": model.seed,
        "dtype": model.dtype,
        "backend": model.engine.backend.name,
        "threads": arguments.threads,
    }


def as_json(value: Any) -> str:
    """One line of strict JSON: a number that is not finite becomes null."""
    return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case float() if not isfinite(value):
            return None
    return value
