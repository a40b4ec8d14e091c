"""The output of `xpnet train`: what is trained, a row for each epoch, the scores."""

import argparse
import json
from math import isfinite
from typing import Any, TextIO

from xpnet import __version__
from xpnet.cli.score_text import class_text, each_class_text, value_text
from xpnet.cli.source import Source
from xpnet.errors import FormatError
from xpnet.model import Model
from xpnet.tabular.class_results import ClassResults
from xpnet.tabular.table_model import TableModel
from xpnet.tabular.value_results import ValueResults
from xpnet.training.callbacks import Callback
from xpnet.training.context import FitContext
from xpnet.training.history import History

__all__ = ["Results", "Rows", "as_json", "describe", "measured", "results_json", "results_text"]

_WIDTH = 9
_HIDDEN = "learning_rate"  # it does not change
_FEW_CLASSES = 10

Results = ClassResults | ValueResults


class Rows(Callback):
    """Print each epoch when it ends, if there is a stream; keep the history.

    Losses of standardized values are converted to the units of the file: a squared error is
    multiplied by the square of `unit`. A checkpoint also holds `kept`.
    """

    def __init__(self, unit: float, out: TextIO | None, kept: dict[str, Any]) -> None:
        self.history = History()
        self.interrupted: str | None = None
        self._factor, self._out, self._kept = unit**2, out, kept
        self._widths: list[int] = []

    def on_epoch_end(self, model: Model, epoch: int, logs: dict[str, float]) -> None:
        """Print."""
        losses = ("loss", "val_loss")
        row = {k: v * self._factor if k in losses else v for k, v in logs.items()}
        self.history.append(row)
        if not self._widths:
            names = [name for name in row if name != _HIDDEN]
            self._widths = [max(len(name), _WIDTH) for name in names]
            self._print(names)
        self._print([_shown(k, v) for k, v in row.items() if k != _HIDDEN])

    def on_safe_point(self, model: Any, context: FitContext) -> None:
        """Note what ends the fit."""
        self.interrupted = context.interrupts.received

    def stride(self) -> int:
        return 0

    def get_state(self) -> dict[str, Any]:
        return {"rows": list(self.history), **self._kept}

    def set_state(self, model: Model, state: dict[str, Any]) -> None:
        rows = state.get("rows")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise FormatError("the checkpoint is damaged: it has no rows of the report.")
        for row in rows:
            self.history.append(row)

    def _print(self, cells: list[str]) -> None:
        if self._out is not None:
            line = "  ".join(c.rjust(w) for c, w in zip(cells, self._widths, strict=True))
            print(line, file=self._out, flush=True)


def _shown(name: str, value: float) -> str:
    if name == "epoch":
        return str(int(value))
    return f"{value:.3f}" if name == "seconds" else f"{value:.4g}"


def measured(model: TableModel, true: Any, outputs: Any) -> Results:
    """Scores of the network's outputs for rows with these true classes or values."""
    if model.classes is None:
        return ValueResults.of(true, model.values_of(outputs))
    return ClassResults.of(model.classes, true, model.probabilities_of(outputs))


def results_text(found: Results, target: str) -> list[str]:
    """The scores on the test rows, and those of each class if there are few."""
    head = f"scores on {found.rows:,} test row{'s' if found.rows > 1 else ''}"
    if isinstance(found, ValueResults):
        return [head, *value_text(found, target)]
    each = ["", *each_class_text(found)] if len(found.classes) <= _FEW_CLASSES else []
    return [head, *class_text(found), *each]


def results_json(found: Results) -> dict[str, Any]:
    """The scores by name; those that a task does not have are None."""
    names = ("accuracy", "r2", "rmse", "mae", "balanced_accuracy", "auc")
    loss = found.mse if isinstance(found, ValueResults) else found.log_loss
    scores = {f"test_{name}": getattr(found, name, None) for name in names}
    return {"test_loss": loss, **scores}


def describe(arguments: argparse.Namespace, model: TableModel, source: Source) -> dict[str, Any]:
    """The data, the network and the settings."""
    flags = ("preset", "activation", "optimizer", "learning_rate", "batch_size", "epochs")
    classes = source.target.classes
    return {
        "xpnet": __version__,
        "dataset": arguments.data,
        "task": "regression" if classes is None else "classification",
        "target": source.target.name,
        "classes": None if classes is None else list(classes),
        "features": len(source.schema.used),
        "columns": {feature.name: feature.kind for feature in source.schema.features},
        **{f"{part}_rows": count for part, count in source.rows.items() if part != "held"},
        "validation_rows": source.rows["held"] if source.held == "validation" else None,
        "hidden": arguments.hidden,
        "parameters": model.model.network.table.size,
        **{name: getattr(arguments, name) for name in flags},
        "seed": model.model.seed,
        "dtype": model.model.dtype,
        "backend": model.model.engine.backend.name,
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
