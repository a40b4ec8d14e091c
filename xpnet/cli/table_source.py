"""A table for `xpnet train`: its columns by kind, and its rows for training and for the test."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray

from xpnet.cli.defaults import TABLE
from xpnet.cli.schema_text import schema_notes
from xpnet.cli.source import Part, Source
from xpnet.cli.split import held_share, split
from xpnet.cli.table_files import archive_tables, is_archive, read_table
from xpnet.errors import ArgumentError, DataError, DataWarning
from xpnet.nn.table_inputs import Scaling
from xpnet.tabular.far_values import finite_inputs
from xpnet.tabular.guess import Kind
from xpnet.tabular.prepared import Prepared
from xpnet.tabular.schema import Schema
from xpnet.tabular.table import Table
from xpnet.tabular.target import Target

__all__ = ["TableSource", "load_table"]

_SHARE = 0.2  # of the rows, for the test
_FEW = 10  # with fewer test rows the figures mean little


@dataclass(frozen=True, eq=False)
class TableSource(Source):
    """Rows of a table.

    Attributes
    ----------
    tables : dict of str to Table
        The rows of each part.
    """

    tables: dict[Part, Table]

    def prepared(self, scaling: Scaling) -> Prepared:
        return Prepared.of(self.schema, self.schema.encode(self.tables["train"]), scaling)

    def inputs(self, prepared: Prepared, part: Part, dtype: str) -> NDArray[Any]:
        table = self.tables[part]
        with catch_warnings():
            if table.source == self.tables["train"].source:
                # That a held-out row has a category of its own is nothing to be warned of.
                simplefilter("ignore", DataWarning)
            return finite_inputs(
                table, self.schema, lambda encoded: prepared.inputs(encoded, dtype)
            )

    def cells(self, part: Part) -> NDArray[Any]:
        with catch_warnings():
            simplefilter("ignore", DataWarning)  # training says it
            return self.schema.encode(self.tables[part])

    def true(self, part: Part) -> NDArray[Any]:
        found: NDArray[Any] = self.target.encode(self.tables[part][self.target.name])
        return found


def load_table(arguments: argparse.Namespace) -> TableSource:
    """Read a table, find out what its columns hold, and split its rows.

    Raises
    ------
    XpnetError
        If a file cannot be read, or its columns or its target cannot be used.
    """
    table, test = _read(arguments)
    name = _target_name(table, arguments)
    table, empty = _with_target(table, name)
    _check_rows(table, name, empty)
    target = Target.infer(table, table[name], arguments.task)
    rows, tables, how = _parts(table, test, target, arguments)
    schema = Schema.infer(
        table.without(name),
        kinds=_kinds(table, name, arguments),
        drop=_known(table, name, arguments.drop, "--drop"),
        rows=rows,
    )
    if target.classes is None:  # scaled by the rows that are learned from
        target = _of_training_rows(target, tables["train"])
    position = list(table.columns).index(name)
    schema = replace(schema, target=target, target_position=position)
    return TableSource(
        arguments.data,
        schema,
        {part: rows.rows for part, rows in tables.items()},
        "test" if held_share(arguments) is None else "validation",
        TABLE,
        [
            *schema_notes(schema, tables["train"], arguments.task),
            ("rows", how),
            *_doubts(table, tables, empty),
        ],
        tables,
    )


def _read(arguments: argparse.Namespace) -> tuple[Table, Table | None]:
    """The table, and one for the test if there is one of its own."""
    own = arguments.test if isinstance(arguments.test, str) else None
    if not is_archive(arguments.data):
        table = read_table(arguments.data, arguments)
        return table, None if own is None else read_table(own, arguments)
    table, test = archive_tables(arguments.data)
    if arguments.test is not None and test is not None:
        raise ArgumentError(f"{arguments.data} holds X_test and y_test: leave --test out.")
    return table, archive_tables(own)[0] if own is not None else test


def _target_name(table: Table, arguments: argparse.Namespace) -> str:
    """The column to predict: the one named, or the last."""
    asked: str | None = arguments.target
    if is_archive(arguments.data):
        if asked not in (None, "y"):
            raise ArgumentError("the target of a NumPy archive is its array y: leave --target out.")
        return "y"
    if len(table.columns) < 2:
        raise DataError(
            f"{table.source} has {len(table.columns)} column: expected at least two, one to learn "
            "from and one to predict. --delimiter says what separates columns."
        )
    name = list(table.columns)[-1] if asked is None else table[asked].name
    if name in table.repeated:
        raise DataError(f"{table.source} has several columns named {name!r}. Rename all but one.")
    return name


def _with_target(table: Table, name: str) -> tuple[Table, int]:
    """The rows that have a target, and how many have none."""
    missing = table[name].missing()
    empty = int(missing.sum())
    if table.rows > empty > 0:
        table = table.take(np.flatnonzero(~missing))
    if not table.rows:
        raise DataError(f"{table.source} has no rows of data.")
    return table, empty


def _check_rows(table: Table, name: str, empty: int) -> None:
    if table.rows < 2:
        least = "At least two are needed, one to learn from and one for the test."
        with_target = f" with a target in {name!r}" if empty else ""
        raise DataError(f"{table.source} has 1 row{with_target}. {least}")


def _parts(
    table: Table, test: Table | None, target: Target, arguments: argparse.Namespace
) -> tuple[NDArray[np.int64], dict[Part, Table], str]:
    """The numbers of the training rows, the rows of each part, and where they come from."""
    rows = np.arange(table.rows)
    share = arguments.test if isinstance(arguments.test, float) else _SHARE
    if test is None:
        rows, others = _divided(table, rows, target, arguments.seed, share)
        test = table.take(others)
        where = f"{_of_what(share, target)}, chosen by seed {arguments.seed}"
    else:
        test = _with_target(test, target.name)[0]
        where = "X_test, y_test" if arguments.test is None else arguments.test
    held, asked, words = test, held_share(arguments), ""
    if isinstance(asked, str):
        held = _with_target(_other(asked, arguments), target.name)[0]
        words = f", {held.rows:,} for validation ({asked})"
    elif asked is not None:
        rows, others = _divided(table, rows, target, arguments.seed, asked)
        held = table.take(others)
        words = f", {held.rows:,} for validation"
    how = f"{len(rows):,} to train{words}, {test.rows:,} to test ({where})"
    return rows, {"train": table.take(rows), "held": held, "test": test}, how


def _of_training_rows(whole: Target, train: Table) -> Target:
    """The target with the scale of these rows."""
    found = Target.of_values(whole.name, train[whole.name].numbers())
    if whole.low < whole.high:  # else it has been said
        found.warn_if_constant(f"{train.source}, training rows: ", train.rows)
    return found


def _other(given: str, arguments: argparse.Namespace) -> Table:
    return archive_tables(given)[0] if is_archive(given) else read_table(given, arguments)


def _divided(
    table: Table, rows: NDArray[np.int64], target: Target, seed: int, share: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Some of the rows to keep, and a share of them to hold out."""
    labels = None
    if target.classes is not None:
        labels = target.encode(table[target.name].take(rows))
    kept, held = split(len(rows), labels, seed, share)
    return rows[kept], rows[held]


def _of_what(share: float, target: Target) -> str:
    fraction = "a fifth" if share == _SHARE else f"{share:.3g}"
    return fraction if target.classes is None else f"{fraction} of each class"


def _kinds(table: Table, target: str, arguments: argparse.Namespace) -> dict[str, Kind]:
    """The kinds of columns that are not guessed."""
    numbers = [n for n in table.columns if n != target] if is_archive(arguments.data) else []
    categories = _known(table, target, arguments.categorical, "--categorical")
    return {**dict.fromkeys(numbers, "number"), **dict.fromkeys(categories, "category")}


def _known(table: Table, target: str, names: Sequence[str] | None, option: str) -> list[str]:
    """Columns that an option names, which must be there."""
    for name in names or ():
        if table[name].name == target:
            raise ArgumentError(f"{option} {name}: this is the target, not a column to learn from.")
    return list(names or ())


def _doubts(table: Table, tables: Mapping[Part, Table], empty: int) -> Iterator[tuple[str, str]]:
    """What may be wrong."""
    for note in table.notes:
        yield "note", note
    if empty:
        yield "note", f"{empty:,} rows without a target are left out (empty, NA, ...)"
    if tables["test"].rows < _FEW:
        yield "note", f"few test rows ({tables['test'].rows}): their scores mean little"
