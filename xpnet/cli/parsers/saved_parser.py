"""The arguments of the commands for a saved model: predict, evaluate and inspect."""

import argparse
from typing import Any

from xpnet.cli.parsers.reading_options import add_reading

__all__ = ["add_data", "add_saved", "saved_command"]

_PREDICT = """\
Predict each row of a table. It must have the columns that the model reads, under the same names and
in any order; other columns are ignored. Missing cells, and categories that were not in the training
data, are prepared as the model's schema says (xpnet inspect shows it). An archive must have the
array X. Classes come with the probability of each class, numbers in the units of the training data.
Without --out, the predictions are written to standard output as CSV. A file is written completely
or not at all.
"""

_EVALUATE = """\
Measure a model on a table with the true targets: for classes accuracy, log loss, precision and
recall of each class, the confusion matrix and the calibration; for numbers R2, errors and their
quantiles, in the units of the table. Columns that the model does not read are ignored. Rows without
a target are left out. From an archive that has X_test and y_test, only those are measured.
"""

_INSPECT = """\
Show the columns that a model reads, the network, the settings and the tensors in its file. The
model is not built, so custom layers need not be registered.
"""


def add_saved(commands: Any) -> None:
    """Add the commands."""
    predict = saved_command(commands, "predict", "predict the rows of a file", _PREDICT)
    add_data(predict)
    predict.add_argument(
        "--out", metavar="FILE", help="write to this file: .csv (UTF-8), .npz or .parquet"
    )
    predict.set_defaults(run=_predict, parser=predict)
    evaluate = saved_command(commands, "evaluate", "measure a saved model on a file", _EVALUATE)
    add_data(evaluate)
    evaluate.add_argument("--json", action="store_true", help="print one JSON object")
    evaluate.add_argument(
        "--plot",
        metavar="FILE",
        help="draw confusion matrix and calibration, or predicted and true values "
        "(.png, .pdf, .svg; xpnet[plot])",
    )
    evaluate.set_defaults(run=_evaluate, parser=evaluate)
    inspect = saved_command(commands, "inspect", "show the contents of a model's file", _INSPECT)
    inspect.add_argument("--json", action="store_true", help="print one JSON object")
    inspect.set_defaults(run=_inspect, parser=inspect)


def saved_command(commands: Any, name: str, text: str, description: str) -> argparse.ArgumentParser:
    """Add a command whose first argument is a model's file."""
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=description)
    command.add_argument("model", metavar="MODEL", help="file from xpnet train --save")
    return command


def add_data(command: argparse.ArgumentParser) -> None:
    """Add the file of the data, and how to read it."""
    command.add_argument(
        "data", metavar="FILE", help="FILE.csv, .tsv, .parquet or .npz, or - for stdin"
    )
    add_reading(command.add_argument)
    command.add_argument("--backend", metavar="B", help="numpy, cupy, torch, jax, ... or auto")


def _predict(arguments: argparse.Namespace) -> None:
    from xpnet.cli.predict import predict

    predict(arguments)


def _evaluate(arguments: argparse.Namespace) -> None:
    from xpnet.cli.evaluate import evaluate

    evaluate(arguments)


def _inspect(arguments: argparse.Namespace) -> None:
    from xpnet.cli.inspection import inspect

    inspect(arguments)
