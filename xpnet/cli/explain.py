"""`xpnet explain`: which columns a model's predictions depend on, and how."""

import argparse
from pathlib import Path

from xpnet.cli import plot
from xpnet.cli.explain_text import dependence_text, importance_text
from xpnet.cli.measured_rows import rows_with_target, table_model, table_to_measure
from xpnet.cli.report import as_json
from xpnet.cli.words import clean, fit
from xpnet.tabular.partial_dependence import Dependence, dependence
from xpnet.tabular.permutation import Importance, importance
from xpnet.tabular.table import Table
from xpnet.tabular.table_model import TableModel

__all__ = ["explain", "explained"]

_LINE = 79
_MOST_ROWS = 1000  # for partial dependence, which varies less than a score


def explain(arguments: argparse.Namespace) -> None:
    """Measure what the predictions depend on, and print or draw it.

    Raises
    ------
    XpnetError
        For a model, data or options that cannot be used.
    """
    picture = arguments.plot
    if picture is not None:
        picture = picture or f"{Path(arguments.model).stem}-explained.png"
        plot.check(picture)
    model = table_model(arguments.model, arguments.backend)
    table, _ = rows_with_target(model, table_to_measure(arguments))
    found, curves = explained(model, table, arguments)
    if arguments.json:
        curves_json = [curve.to_dict() for curve in curves]
        classes = None if model.classes is None else list(model.classes)
        print(
            as_json({"importance": found.to_dict(), "classes": classes, "dependence": curves_json})
        )
    else:
        head = f"{clean(Path(arguments.data).name)}: {found.rows:,} of {table.rows:,} rows, target "
        print(
            fit(f"{head}{clean(model.target.name)!r}", _LINE), "", *importance_text(found), sep="\n"
        )
        print("", *dependence_text(model, curves), sep="\n")
    if picture is not None:
        from xpnet.cli.explain_plots import explained_figure

        plot.save(explained_figure(model, found, curves), picture)
        if not arguments.json:
            print(f"\npicture: {picture}")


def explained(
    model: TableModel, table: Table, arguments: argparse.Namespace
) -> tuple[Importance, list[Dependence]]:
    """The importance of all columns, and the partial dependence of the most important ones."""
    found = importance(
        model,
        table,
        score=arguments.score,
        repeats=arguments.repeats,
        rows=arguments.rows,
        seed=arguments.seed,
    )
    rows = min(arguments.rows, _MOST_ROWS)
    names = found.names[: arguments.top]
    return found, dependence(model, table, names, rows=rows, seed=arguments.seed)
