"""`xpnet evaluate`: how good a saved model is on a table with the true targets."""

import argparse
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from xpnet import load
from xpnet.cli import plot
from xpnet.cli.measured_rows import rows_with_target, table_to_measure
from xpnet.cli.plain_model import plain_scores
from xpnet.cli.report import Results, as_json, measured
from xpnet.cli.score_text import (
    calibration_text,
    class_text,
    confusion_text,
    each_class_text,
    value_text,
)
from xpnet.cli.words import clean
from xpnet.errors import ArgumentError
from xpnet.tabular.class_results import ClassResults
from xpnet.tabular.table import Table
from xpnet.tabular.table_model import TableModel

__all__ = ["evaluate"]

_WIDTH = 80


def evaluate(arguments: argparse.Namespace) -> None:
    """Measure a model on the rows of a file, and print the results.

    Raises
    ------
    XpnetError
        For a model or data that cannot be used.
    """
    if arguments.plot is not None:
        plot.check(arguments.plot)
    model = load(arguments.model, arguments.backend)
    if arguments.plot is not None and not isinstance(model, TableModel):
        raise ArgumentError("--plot needs a model from xpnet train --save or TableModel.save.")
    table = table_to_measure(arguments)
    if not isinstance(model, TableModel):
        _print_plain(arguments, plain_scores(model, table), table)
        return
    table, empty = rows_with_target(model, table)
    true, outputs = model.true(table), model.outputs(table)
    found = measured(model, true, outputs)
    if arguments.json:
        print(as_json(_as_dict(found)))
    else:
        head = (
            f"{clean(Path(arguments.data).name)}: {table.rows:,} rows, target {model.target.name!r}"
        )
        left_out = f" ({empty:,} without a target are left out)" if empty else ""
        print(head + left_out, "", *_text(found, model.target.name), sep="\n")
    if arguments.plot is not None:
        _draw(arguments.plot, found, true, outputs, model)


def _text(found: Results, target: str) -> list[str]:
    if not isinstance(found, ClassResults):
        return value_text(found, target)
    parts = (
        class_text(found),
        each_class_text(found),
        confusion_text(found, _WIDTH),
        calibration_text(found.calibration),
    )
    return [line for part in parts for line in (*part, "")][:-1]


def _as_dict(found: Results) -> dict[str, Any]:
    loss = found.log_loss if isinstance(found, ClassResults) else found.mse
    return {"loss": loss, **found.to_dict()}


def _draw(
    path: str, found: Results, true: NDArray[Any], outputs: NDArray[Any], model: TableModel
) -> None:
    from xpnet.cli.score_plots import class_figure, value_figure

    if isinstance(found, ClassResults):
        plot.save(class_figure(found), path)
    else:
        predicted = model.values_of(outputs)
        plot.save(value_figure(true, predicted, model.target.name), path)


def _print_plain(arguments: argparse.Namespace, found: dict[str, float], table: Table) -> None:
    if arguments.json:
        print(as_json({"rows": table.rows, **found}))
    else:
        print(f"{table.rows:,} rows: " + ", ".join(f"{k} {v:.4g}" for k, v in found.items()))
