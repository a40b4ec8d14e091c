"""`xpnet report`: everything about a model on one page."""

import argparse
import shlex
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xpnet.cli.explain import explained
from xpnet.cli.measured_rows import rows_with_target, table_model, table_to_measure
from xpnet.cli.page.data_part import data_part, preparation_part
from xpnet.cli.page.explained_part import dependence_part, importance_part
from xpnet.cli.page.markup import Html, element, joined
from xpnet.cli.page.scores_part import class_scores_part, tiles, value_scores_part
from xpnet.cli.page.settings_part import settings_part
from xpnet.cli.page.skeleton import Section, document
from xpnet.cli.page.training_part import training_notes, training_part
from xpnet.cli.report import Results, measured
from xpnet.errors import ArgumentError, FormatError
from xpnet.saving.whole_file import check_place, writing
from xpnet.tabular.class_results import ClassResults
from xpnet.tabular.table import Table
from xpnet.tabular.table_model import TableModel

__all__ = ["report"]

_FEW = 100  # rows, with which scores mean little
_READING = ("no_header", "delimiter", "decimal", "encoding", "backend")
_OPTIONS = (*_READING, "score", "repeats", "top", "rows", "seed")


def report(arguments: argparse.Namespace) -> None:
    """Measure a model on the rows of a file, and write a page about it.

    Raises
    ------
    XpnetError
        For a model, data or options that cannot be used.
    """
    with _its_option():
        check_place(arguments.html)
    page = _page(arguments)
    with _its_option(), writing(arguments.html) as temporary:
        temporary.write_text(page, "utf-8")
    print(f"report: {arguments.html}")


@contextmanager
def _its_option() -> Iterator[None]:
    """Name the option in errors about its file."""
    try:
        yield
    except FormatError as error:
        raise ArgumentError(f"--html: {error}") from error


def _page(arguments: argparse.Namespace) -> str:
    model = table_model(arguments.model, arguments.backend)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table, empty = rows_with_target(model, table_to_measure(arguments))
        found, parts = _measure(model, table, arguments)
    notes = [*_notes(table, empty, found), *training_notes(model)]
    notes += dict.fromkeys(str(warning.message) for warning in caught)
    lead = joined([_lead(model, table), tiles(found), _listed(notes)])
    return document(f"{Path(arguments.model).name}: {model.target.name}", lead, parts)


def _measure(
    model: TableModel, table: Table, arguments: argparse.Namespace
) -> tuple[Results, list[Section]]:
    encoded, true = model.schema.encode(table), model.true(table)
    outputs = model.outputs_of(encoded)
    found = measured(model, true, outputs)
    if isinstance(found, ClassResults):
        scores = class_scores_part(found)
    else:
        scores = value_scores_part(found, true, model.values_of(outputs), model.target.name)
    columns, curves = explained(model, table, arguments)
    return found, [
        data_part(model, Path(arguments.data).name, encoded, true),
        preparation_part(model),
        training_part(model),
        scores,
        importance_part(columns),
        dependence_part(model, curves),
        settings_part(model, arguments.model, _command(arguments)),
    ]


def _lead(model: TableModel, table: Table) -> Html:
    what = "a number" if model.classes is None else f"{len(model.classes):,} classes"
    return element(
        "p",
        "A network that predicts ",
        element("b", model.target.name),
        f" ({what}) from {len(model.feature_names):,} columns, measured on {table.rows:,} rows of "
        f"{Path(table.source).name}.",
    )


def _notes(table: Table, empty: int, found: Results) -> list[str]:
    notes = list(table.notes)
    if empty:
        notes.append(f"{empty:,} rows without a target are left out.")
    if found.rows < _FEW:
        notes.append(f"There are only {found.rows:,} rows: the scores mean little.")
    if found.unpredicted:
        notes.append(f"{found.unpredicted:,} rows have no prediction: the output is NaN.")
    return notes


def _listed(notes: list[str]) -> Html:
    if not notes:
        return Html("")
    items = [element("li", note) for note in notes]
    heading = element("h3", "Notes")
    return joined([heading, element("ul", *items, class_="notes")])


def _command(arguments: argparse.Namespace) -> str:
    """A command that makes the same report."""
    given = [arguments.model, arguments.data, "--html", arguments.html]
    for name in _OPTIONS:
        value = getattr(arguments, name)
        if value != arguments.parser.get_default(name):
            option = f"--{name.replace('_', '-')}"
            given += [option] if value is True else [option, str(value)]
    return shlex.join(["xpnet", "report", *given])
