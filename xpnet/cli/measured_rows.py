"""A saved model, and the rows with true targets that it is measured on."""

import argparse

import numpy as np

from xpnet import load
from xpnet.cli.table_files import archive_tables, is_archive, read_table
from xpnet.errors import ArgumentError, DataError
from xpnet.tabular.table import Table
from xpnet.tabular.table_model import TableModel

__all__ = ["rows_with_target", "table_model", "table_to_measure"]


def table_model(path: str, backend: str | None) -> TableModel:
    """A model that reads tables, from its file.

    Raises
    ------
    XpnetError
        If the file cannot be read, or its model reads arrays.
    """
    model = load(path, backend)
    if not isinstance(model, TableModel):
        raise ArgumentError(
            f"{path} holds a network without a description of columns. Use a model from "
            "xpnet train --save or TableModel.save."
        )
    return model


def table_to_measure(arguments: argparse.Namespace) -> Table:
    """The rows of a file; of an archive that has test rows, these."""
    if not is_archive(arguments.data):
        return read_table(arguments.data, arguments)
    whole, test = archive_tables(arguments.data)
    return whole if test is None else test


def rows_with_target(model: TableModel, table: Table) -> tuple[Table, int]:
    """The rows that have a target, and how many have none."""
    column = model.schema.target_of(table)
    missing = column.missing()
    if missing.all():
        raise DataError(f"{table.source} has no row with a target in the column {column.name!r}.")
    empty = int(missing.sum())
    return (table.take(np.flatnonzero(~missing)) if empty else table), empty
