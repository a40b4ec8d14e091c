"""Scores as text that people can read, within the width of a terminal."""

from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np

from xpnet.cli.words import clean, columns_of, fit, table
from xpnet.tabular.class_results import Calibration, ClassResults
from xpnet.tabular.value_results import ValueResults

__all__ = [
    "calibration_text",
    "class_text",
    "confusion_text",
    "each_class_text",
    "number_text",
    "share_text",
    "value_text",
]

_MOST_CLASSES = 20  # in the table of classes
_MOST_CONFUSED = 10
_SHOWN = 10  # if there are more
_WHOLE, _MOST = 1e4, 1e9  # numbers between them are written without a point or an exponent
_LINE = 79
_NAME = 24  # columns of a class's name
_SHORT = 8  # in the head of the confusion matrix


def class_text(found: ClassResults) -> list[str]:
    """Scores of all classes together."""
    first = f"always {clean(str(found.classes[int(found.support.argmax())]))!r}"
    rows = [
        [
            "accuracy",
            share_text(found.accuracy),
            f"{fit(first, 30)}: {share_text(found.most_frequent)}",
        ],
        ["balanced accuracy", share_text(found.balanced_accuracy), "mean recall of the classes"],
        ["log loss", share_text(found.log_loss), ""],
        ["calibration error", share_text(found.calibration.error), ""],
    ]
    if found.auc is not None:
        rows.insert(3, ["ROC AUC", share_text(found.auc), ""])
    return [*_scores(rows), *_without_prediction(found.unpredicted)]


def value_text(found: ValueResults, target: str) -> list[str]:
    """Errors in the target's units."""
    rows = [
        ["R2", share_text(found.r2), "1: perfect, 0: no better than always the mean"],
        ["RMSE", number_text(found.rmse), f"always the mean: {number_text(found.deviation)}"],
        ["mean absolute error", number_text(found.mae), ""],
    ]
    shares = [f"{share:.0%}" for share in found.SHARES]
    errors = [number_text(error) for error in found.quantiles.tolist()]
    quantiles = table([["share of the rows", *shares], ["error at most", *errors]])
    return [
        *_scores(rows),
        *_without_prediction(found.unpredicted),
        "",
        fit(f"errors (predicted - true) in the units of {clean(target)!r}", _LINE),
        *quantiles,
    ]


def each_class_text(found: ClassResults) -> list[str]:
    """Precision, recall and F1 of each class; of many, those with the most rows."""
    order = np.arange(len(found.classes))
    if len(order) > _MOST_CLASSES:
        order = np.argsort(-found.support, kind="stable")[:_SHOWN]
    columns = found.precision, found.recall, found.f1
    rows = [["class", "precision", "recall", "F1", "rows"]]
    for i in order.tolist():
        scores = [share_text(float(column[i])) for column in columns]
        rows.append([_name(found.classes[i], _NAME), *scores, f"{found.support[i]:,}"])
    left_out = len(found.classes) - len(order)
    more = [f"... and {left_out:,} classes with fewer rows (--json lists all)"] if left_out else []
    return [*table(rows), *more]


def confusion_text(found: ClassResults, width: int) -> list[str]:
    """The confusion matrix; if it is too wide, the most frequent confusions."""
    head = "confusion matrix (rows: true class, columns: predicted)"
    names = [_name(label, _SHORT) for label in found.classes]
    if len(set(names)) == len(names):
        counts = [[f"{count:,}" for count in row] for row in found.confusion.tolist()]
        sides = [_name(label, _NAME) for label in found.classes]
        rows = [["", *names], *([side, *row] for side, row in zip(sides, counts, strict=True))]
        lines = table(rows)
        if max(map(columns_of, lines)) <= width:
            return [head, *lines]
    return ["most frequent confusions", *_confused(found)]


def calibration_text(found: Calibration) -> list[str]:
    """How often predictions are right, by the probability that they were given."""
    rows = [["probability", "mean", "right", "rows"]]
    for i in np.flatnonzero(found.rows).tolist():
        span = f"{found.edges[i]:.1f} - {found.edges[i + 1]:.1f}"
        shares = [share_text(float(column[i])) for column in (found.said, found.right)]
        rows.append([span, *shares, f"{found.rows[i]:,}"])
    return [
        "calibration: how often the predicted class was right, by its probability",
        *table(rows),
    ]


def _confused(found: ClassResults) -> list[str]:
    counts = found.confusion.copy()
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:_MOST_CONFUSED]
    pairs = [divmod(int(i), len(counts)) for i in order if counts.flat[i]]
    rows = [["true class", "predicted", "rows"]]
    for true, predicted in pairs:
        names = [_name(found.classes[i], _NAME) for i in (true, predicted)]
        rows.append([*names, f"{counts[true, predicted]:,}"])
    return table(rows, left=2) if pairs else ["none"]


def _scores(rows: Sequence[Sequence[str]]) -> list[str]:
    """Name, value and explanation."""
    width = max(len(value) for _, value, _ in rows)
    shown = [[name, value.rjust(width), why] for name, value, why in rows]
    return table(shown, left=3)


def _without_prediction(rows: int) -> list[str]:
    return [f"{rows:,} rows have no prediction: the network's output is NaN"] if rows else []


def _name(label: Any, columns: int) -> str:
    return fit(clean(str(label)), columns)


def share_text(value: float) -> str:
    """A share or a score near 1."""
    return "-" if isnan(value) else f"{value:.4f}"


def number_text(value: float) -> str:
    """A number with about four digits."""
    if isnan(value):
        return "-"
    return f"{value:,.0f}" if _WHOLE <= abs(value) < _MOST else f"{value:.4g}"
