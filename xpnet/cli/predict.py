"""`xpnet predict`: the class and the probabilities of each row, or its value."""

import argparse
import sys

from xpnet import load
from xpnet.cli.plain_model import plain_predictions
from xpnet.cli.predictions import Columns, check_out, with_gaps, write, write_csv
from xpnet.cli.table_files import read_to_predict
from xpnet.tabular.table import Table
from xpnet.tabular.table_model import TableModel

__all__ = ["predict"]


def predict(arguments: argparse.Namespace) -> None:
    """Predict each row of a table; write the predictions to a file or as CSV to standard output.

    Raises
    ------
    XpnetError
        For a model or data that cannot be used.
    """
    if arguments.out is not None:
        check_out(arguments.out)
    model = load(arguments.model, arguments.backend)
    table = read_to_predict(arguments.data, arguments)
    columns = (
        _predictions(model, table)
        if isinstance(model, TableModel)
        else plain_predictions(model, table)
    )
    if arguments.out is None:
        write_csv(sys.stdout, columns)
    else:
        write(arguments.out, columns)


def _predictions(model: TableModel, table: Table) -> Columns:
    """The predictions by name."""
    outputs = model.outputs(table)
    if model.classes is None:
        return {"prediction": model.values_of(outputs)}
    shares = model.probabilities_of(outputs)
    predicted = with_gaps(model.target.labels(shares.argmax(axis=1)), shares)
    shown = shares.astype(model.model.dtype)  # more digits than these are noise
    named = {f"probability_{label}": shown[:, i] for i, label in enumerate(model.classes)}
    return {"prediction": predicted, **named}
