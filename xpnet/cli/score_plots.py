"""Pictures of scores: confusion matrix and calibration, or predicted and true values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xpnet.cli.words import clean, fit
from xpnet.plot import confusion_matrix
from xpnet.plot.canvas import COLORS, new_figure
from xpnet.tabular.class_results import Calibration, ClassResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["class_figure", "draw_calibration", "draw_errors", "draw_values", "value_figure"]

_MOST_CLASSES = 40  # in the confusion matrix; more could not be read
_NAME = 16
_MOST_POINTS = 5000


def class_figure(found: ClassResults) -> Figure:
    """The confusion matrix and the calibration of predicted classes."""
    order = np.argsort(-found.support, kind="stable")[:_MOST_CLASSES]
    order.sort()
    size = min(max(0.42 * len(order) + 1.6, 3.6), 10.0)
    figure = new_figure(size + 4.4, max(size, 3.8))
    left, right = figure.subplots(1, 2, width_ratios=(size, 4.0))
    labels = [fit(clean(str(found.classes[i])), _NAME) for i in order]
    confusion_matrix(found.confusion[np.ix_(order, order)], labels=labels, ax=left)
    if len(order) < len(found.classes):
        left.set_title(f"the {len(order)} classes with the most rows", fontsize="medium")
    draw_calibration(found.calibration, right)
    return figure


def value_figure(true: NDArray[Any], predicted: NDArray[Any], target: str) -> Figure:
    """Predicted against true values, and the distribution of the errors."""
    figure = new_figure(9.0, 4.2)
    left, right = figure.subplots(1, 2)
    draw_values(true, predicted, left)
    draw_errors(predicted - true, right)
    figure.suptitle(fit(clean(target), 60))
    return figure


def draw_calibration(found: Calibration, ax: Axes) -> None:
    """How often predictions are right, over the probability that they were given."""
    full = found.rows > 0
    most = found.rows.max() or 1
    ax.plot([0, 1], [0, 1], ":", color="gray", linewidth=1)
    widths, centers = np.diff(found.edges), (found.edges[:-1] + found.edges[1:]) / 2
    ax.bar(
        centers,
        0.25 * found.rows / most,
        0.9 * widths,
        color=COLORS[4],
        alpha=0.4,
        label="share of the rows",
    )
    ax.plot(found.said[full], found.right[full], "o-", color=COLORS[0], label="predictions")
    ax.set(xlabel="probability of the predicted class", ylabel="share that is right")
    ax.set(xlim=(0, 1), ylim=(0, 1.02))
    ax.set_title(f"expected calibration error {found.error:.3f}", fontsize="medium")
    ax.grid(alpha=0.3)
    ax.legend(loc="upper left", fontsize="small")


def draw_values(true: NDArray[Any], predicted: NDArray[Any], ax: Axes) -> None:
    """A point for each row, at most 5,000 of them."""
    step = -(-len(true) // _MOST_POINTS)
    x, y = true[::step], predicted[::step]
    ends = [float(min(x.min(), y.min())), float(max(x.max(), y.max()))]
    ax.plot(ends, ends, ":", color="gray", linewidth=1)
    ax.scatter(x, y, s=8, alpha=0.35, color=COLORS[0], linewidths=0)
    ax.set(xlabel="true value", ylabel="predicted value")
    ax.locator_params(axis="x", nbins=6)
    ax.grid(alpha=0.3)


def draw_errors(errors: NDArray[Any], ax: Axes) -> None:
    """A histogram of the middle 99 % of the errors."""
    low, high = np.quantile(errors, (0.005, 0.995))
    ax.hist(errors, bins=40, range=(low, high) if low < high else None, color=COLORS[0], alpha=0.8)
    ax.axvline(0, color="gray", linewidth=1, linestyle=":")
    ax.set(xlabel="error (predicted - true)", ylabel="rows")
    ax.locator_params(axis="x", nbins=5)  # large numbers would overlap
    ax.grid(alpha=0.3)
