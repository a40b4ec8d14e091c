"""The arguments of the commands for a saved model: predict, evaluate and inspect."""

import argparse
from typing import Any

__all__ = ["add_saved"]

_PREDICT = """\
Predict each row of a table. A CSV file must have the columns that the model was trained on, with
the same names, in any order; other columns are ignored. An archive must have the array X. The
features are scaled as they were for training. Classes are printed with their probability, numbers
in the units of the table. Without --out the predictions are written to standard output as CSV.
"""

_EVALUATE = """\
Measure a model on a table with the true targets: loss and accuracy, or loss (mean squared error,
in the units of the table) and R2. All rows are used; from an archive that has X_test and y_test,
only those.
"""

_INSPECT = """\
Show the network, the settings and the tensors in a model's file. The model is not built, so
custom layers need not be registered.
"""


def add_saved(commands: Any) -> None:
    """Add the commands."""
    told = {
        "predict": ("predict the rows of a file", _PREDICT, _predict),
        "evaluate": ("measure a saved model on a file", _EVALUATE, _evaluate),
        "inspect": ("show the contents of a model's file", _INSPECT, _inspect),
    }
    for name, (text, description, function) in told.items():
        command = commands.add_parser(name, help=text, description=description)
        command.add_argument("model", metavar="MODEL", help="file from xpnet train --save")
        if name != "inspect":
            command.add_argument("data", metavar="FILE", help="FILE.csv or FILE.npz")
            command.add_argument(
                "--backend", metavar="B", help="numpy, cupy, torch, jax, ... or auto"
            )
        if name == "predict":
            command.add_argument("--out", metavar="FILE", help="write to this .csv or .npz file")
        else:
            command.add_argument("--json", action="store_true", help="print one JSON object")
        command.set_defaults(run=function, parser=command)


def _predict(arguments: argparse.Namespace) -> None:
    from xpnet.cli.predict import predict

    predict(arguments)


def _evaluate(arguments: argparse.Namespace) -> None:
    from xpnet.cli.predict import evaluate

    evaluate(arguments)


def _inspect(arguments: argparse.Namespace) -> None:
    from xpnet.cli.inspection import inspect

    inspect(arguments)
