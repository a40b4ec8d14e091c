"""The arguments of the commands that explain a saved model: explain and report."""

import argparse
from typing import Any

from xpnet.cli.parsers.saved_parser import add_data, saved_command
from xpnet.cli.parsers.values import count

__all__ = ["add_explain"]

_EXPLAIN = """\
Show what a model's predictions depend on. Permutation importance: how much a score worsens
when the cells of a column are shuffled among the rows. Partial dependence: the mean prediction when
a column is set to the same value in all rows. Use rows that the model was not trained on.
"""

_REPORT = """\
Write a report on a model as one self-contained HTML page: the data, how columns are prepared, the
training, the scores, what the predictions depend on, and the settings. The file is written
completely or not at all.
"""


def add_explain(commands: Any) -> None:
    """Add the commands."""
    explain = saved_command(commands, "explain", "what predictions depend on", _EXPLAIN)
    add_data(explain)
    _add_sampling(explain)
    explain.add_argument("--json", action="store_true", help="print one JSON object")
    explain.add_argument(
        "--plot",
        metavar="FILE",
        nargs="?",
        const="",
        help="draw both (.png, .pdf, .svg; xpnet[plot]); by default MODEL-explained.png",
    )
    explain.set_defaults(run=_explain, parser=explain)
    report = saved_command(commands, "report", "write a report as one HTML page", _REPORT)
    add_data(report)
    report.add_argument("--html", metavar="FILE", required=True, help="write to this file")
    _add_sampling(report)
    report.set_defaults(run=_report, parser=report)


def _add_sampling(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add(
        "--score",
        metavar="S",
        help="for importance: accuracy (default), balanced_accuracy or log_loss; for numbers "
        "r2 (default), rmse, mse or mae",
    )
    add(
        "--repeats",
        metavar="N",
        type=count,
        default=5,
        help="how often each column is shuffled (default: 5)",
    )
    add(
        "--top",
        metavar="N",
        type=count,
        default=6,
        help="partial dependence of the N most important columns (default: 6)",
    )
    add(
        "--rows",
        metavar="N",
        type=count,
        default=5000,
        help="use at most N rows, chosen at random (default: 5000)",
    )
    add("--seed", metavar="N", type=int, default=0, help="seed of the rows and the shuffles")


def _explain(arguments: argparse.Namespace) -> None:
    from xpnet.cli.explain import explain

    explain(arguments)


def _report(arguments: argparse.Namespace) -> None:
    from xpnet.cli.report_command import report

    report(arguments)
