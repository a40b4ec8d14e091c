"""What predictions depend on, as text of at most 79 columns."""

from collections.abc import Sequence
from math import floor, log10

import numpy as np
from numpy.typing import NDArray

from xpnet.cli.words import clean, columns_of, fit, table
from xpnet.tabular.partial_dependence import Dependence
from xpnet.tabular.permutation import Importance
from xpnet.tabular.table_model import TableModel

__all__ = [
    "SCORES",
    "aligned",
    "dependence_text",
    "importance_numbers",
    "importance_text",
    "shown_classes",
    "value_names",
]

SCORES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log loss",
    "r2": "R2",
    "rmse": "RMSE",
    "mse": "mean squared error",
    "mae": "mean absolute error",
}
_LINE, _BAR = 79, 28
_MOST_COLUMNS, _MOST_VALUES, _MOST_CLASSES = 30, 9, 4
_NAME, _SHORT = 26, 12


def importance_text(found: Importance) -> list[str]:
    """A bar for each column."""
    verb = "falls" if found.falls else "rises"
    head = [
        f"permutation importance: how much the {SCORES[found.score]} "
        f"({importance_numbers(found, [found.whole])[0]}) {verb}",
        f"when a column is shuffled (mean and standard deviation of {found.repeats} shuffles)",
    ]
    most = max(float(found.mean.max()), 0.0) or 1.0
    shown = [fit(clean(name), _NAME) for name in found.names[:_MOST_COLUMNS]]
    cells = (importance_numbers(found, c[:_MOST_COLUMNS].tolist()) for c in (found.mean, found.std))
    lines = _padded(table([*zip(shown, *cells, strict=True)]))
    bars = ("#" * round(_BAR * max(mean, 0.0) / most) for mean in found.mean.tolist())
    left_out = len(found.names) - len(shown)
    more = [f"... and {left_out:,} less important columns (--json lists all)"] if left_out else []
    joined = [(line + bar).rstrip() for line, bar in zip(lines, bars, strict=False)]
    return [*head, "", *joined, *more]


def importance_numbers(found: Importance, values: Sequence[float]) -> list[str]:
    """Scores, or changes of them, as text: shares with four decimals, errors in their units."""
    in_units = found.score in ("rmse", "mse", "mae")
    return aligned(values) if in_units else [f"{value:.4f}" for value in values]


def aligned(values: Sequence[float]) -> list[str]:
    """Numbers as text with the same number of decimals, about four digits in the largest."""
    most = max(map(abs, values), default=0.0)
    if most and not 1e-4 <= most < 1e9:
        return [f"{value:.4g}" for value in values]
    whole = all(value == round(value) for value in values)
    decimals = 0 if whole or not most else max(3 - floor(log10(most)), 0)
    return [f"{value:,.{decimals}f}" for value in values]


def dependence_text(model: TableModel, curves: Sequence[Dependence]) -> list[str]:
    """A small table for each column, with the predictions as points on a line."""
    lines = [
        f"partial dependence: {_what(model)}",
        "if a column has the same value in all rows",
    ]
    for curve in curves:
        lines += ["", *_one(model, curve)]
    return lines


def shown_classes(curve: Dependence, most: int) -> list[int]:
    """The numbers of the classes whose probability varies most; of two, the second."""
    count = curve.mean.shape[1]
    if count == 2:
        return [1]
    spread = np.ptp(curve.mean, axis=0)
    return sorted(np.argsort(-spread, kind="stable")[:most].tolist())


def _what(model: TableModel) -> str:
    if model.classes is None:
        return f"mean prediction of {fit(clean(model.target.name), 24)!r}"
    if len(model.classes) == 2:
        return f"mean probability of {fit(clean(str(model.classes[1])), 24)!r}"
    return "mean probability of the classes that vary most"


def _one(model: TableModel, curve: Dependence) -> list[str]:
    places = _places(curve)
    names = [fit(clean(name), _NAME) for name in value_names(curve)]
    title, left = fit(clean(curve.name), _NAME), 0 if curve.ordered else 1
    if model.classes is not None and len(model.classes) > 2:
        classes = shown_classes(curve, _MOST_CLASSES)
        heads = [fit(clean(str(model.classes[k])), _SHORT) for k in classes]
        cells = [[f"{share:.3f}" for share in row] for row in curve.mean[:, classes]]
        return table([[title, *heads], *([names[i], *cells[i]] for i in places)], left=left)
    means = curve.mean if model.classes is None else curve.mean[:, 1]
    digits = aligned(means.tolist()) if model.classes is None else [f"{m:.3f}" for m in means]
    lines = _padded(table([[title, ""], *([names[i], digits[i]] for i in places)], left=left))
    points = ["", *(" " * int(at) + "*" for at in _points(means)[places])]
    return [(line + point).rstrip() for line, point in zip(lines, points, strict=True)]


def value_names(curve: Dependence) -> list[str]:
    """The values of a column as text."""
    return aligned(curve.values) if curve.kind == "number" else [*map(str, curve.values)]


def _padded(lines: Sequence[str]) -> list[str]:
    """Lines of the same width, and a gap after them."""
    width = max(map(columns_of, lines))
    return [line + " " * (width - columns_of(line) + 2) for line in lines]


def _places(curve: Dependence) -> NDArray[np.int64]:
    """Which of the values are shown: some of a line's, the most frequent names."""
    count = len(curve.values)
    if count <= _MOST_VALUES:
        return np.arange(count)
    if curve.ordered:
        return np.linspace(0, count - 1, _MOST_VALUES).round().astype(np.int64)
    return np.sort(np.argsort(-curve.share, kind="stable")[:_MOST_VALUES])


def _points(means: NDArray[np.float64]) -> NDArray[np.int64]:
    """The place of each prediction on a line of characters."""
    low, span = means.min(), np.ptp(means) or 1.0
    places: NDArray[np.int64] = (_BAR * (means - low) / span).round().astype(np.int64)
    return places
