"""How well a model separates classes: the confusion matrix and ROC curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.arguments import flag
from xpnet.errors import DataError, ShapeError
from xpnet.optional import require
from xpnet.plot.canvas import COLORS, axes, inches, numbers
from xpnet.plot.labels import class_names, positions, vector
from xpnet.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["confusion_matrix", "roc_curves"]

_STYLES = ("-", "--", "-.", ":")  # of curves that share a color
_INK, _DARK_FROM = "#1a1a1a", 0.55  # the share above which a cell has white text


def confusion_matrix(
    y_true: ArrayLike,
    y_pred: ArrayLike | None = None,
    labels: Sequence[Any] | None = None,
    *,
    normalize: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw how many samples of each true class (rows) were predicted as each class (columns).

    A cell's color is its share of the row, so that rare classes are as visible as common ones.

    Parameters
    ----------
    y_true : array of shape (n,) or (k, k)
        The true class of each sample; or, without `y_pred`, the matrix of counts.
    y_pred : array of shape (n,), optional
        The predicted class of each sample.
    labels : sequence, optional
        Names of the classes, in order. Integers in `y_true` and `y_pred` are positions in this
        list. By default, the distinct labels.
    normalize : bool, default False
        Whether cells show shares of their row instead of counts; the diagonal is then the recall.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If `y_true` and `y_pred` have different lengths, or the matrix is not square.
    DataError
        If there is nothing to draw, a count is negative, or a label has no name.
    """
    normalize = flag("normalize", normalize)
    counts, names = _counts(y_true, y_pred, labels)
    rows = counts.sum(axis=1, keepdims=True)
    shares = counts / np.where(rows > 0, rows, 1)
    size = min(max(0.42 * len(names) + 1.6, 3.6), 10.0)
    ax = axes(ax, size, size)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    texts = [
        [_cell(c, s, normalize) for c, s in zip(*row, strict=True)]
        for row in zip(counts, shares, strict=True)
    ]
    font = _font_size(ax, len(names), max(len(t) for row in texts for t in row))
    for i, row in enumerate(texts):
        for j, text in enumerate(row):
            ink = "white" if shares[i, j] > _DARK_FROM else _INK if counts[i, j] else "#a0a0a0"
            ax.text(j, i, text, ha="center", va="center", color=ink, fontsize=font)
    _name_axes(ax, names)
    return ax


def _cell(count: float, share: float, normalize: bool) -> str:
    if normalize:
        return f"{share:.2f}".removeprefix("0") if 0 < share < 1 else f"{share:.0f}"
    return f"{count:g}" if count % 1 else f"{count:.0f}"


def _counts(y_true: Any, y_pred: Any, labels: Sequence[Any] | None) -> tuple[Any, list[Any]]:
    if y_pred is None:
        counts = numbers("the confusion matrix", y_true)
        if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
            raise ShapeError(
                f"a confusion matrix has shape (k, k), got {counts.shape}. For labels, pass both: "
                "confusion_matrix(y_true, y_pred)."
            )
        if np.any(counts < 0):
            raise DataError("a confusion matrix holds counts, got a negative number.")
        return counts, class_names(labels, count=len(counts))
    true, guessed = vector("y_true", y_true), vector("y_pred", y_pred)
    if true.shape != guessed.shape:
        raise ShapeError(f"y_true has {len(true)} labels and y_pred has {len(guessed)}.")
    names = class_names(labels, true, guessed)
    i = positions("y_true", true, names, labels is not None)
    j = positions("y_pred", guessed, names, labels is not None)
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, (i, j), 1)
    return counts, names


def _font_size(ax: Axes, classes: int, letters: int) -> float:
    """The font size, in points, at which the longest number fits into a cell; at most 11."""
    points = 72 * min(inches(ax))
    return max(min(11.0, 0.9 * points / classes / (0.62 * letters)), 4.0)


def _name_axes(ax: Axes, names: Sequence[Any]) -> None:
    shown = [str(name) for name in names]
    turned = max(map(len, shown)) > 3
    ax.set_xticks(range(len(names)), shown)
    ax.set_yticks(range(len(names)), shown)
    if turned:
        ax.tick_params(axis="x", labelrotation=45)
        for label in ax.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xticks(np.arange(len(names) - 1) + 0.5, minor=True)
    ax.set_yticks(np.arange(len(names) - 1) + 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.0)
    ax.tick_params(which="minor", length=0)
    ax.set(xlabel="predicted class", ylabel="true class")


def roc_curves(
    y_true: ArrayLike,
    scores: ArrayLike,
    labels: Sequence[Any] | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the receiver operating characteristic of each class against all others.

    Each point is one threshold. Its y is the share of the class's samples that score above the
    threshold, its x the share of the other samples that do. The legend gives the area under the
    curve (AUC): the probability that a sample of the class scores higher than another sample.

    Parameters
    ----------
    y_true : array of shape (n,)
        Each sample's class: 0 .. k-1, or a name in `labels`.
    scores : array of shape (n, k), (n, 1) or (n,)
        The score or probability of each class, higher for more likely; a single column is class 1.
    labels : sequence, optional
        Names of the classes, in order.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If the lengths differ.
    DataError
        If a label has no score, a score is not finite, or `y_true` has all or none of its samples
        in one class.
    MissingDependencyError
        If scikit-learn or matplotlib is not installed.
    """
    metrics = require("sklearn.metrics", "sklearn", "xpnet.plot.roc_curves")
    true, values = vector("y_true", y_true), numbers("scores", scores)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) != len(true):
        raise ShapeError(
            f"scores must have shape ({len(true)}, k), one row per label in y_true, got "
            f"{np.shape(scores)}."
        )
    count = max(values.shape[1], 2)
    names = class_names(labels, count=count)
    which = positions("y_true", true, names, given=True)
    shown = [1] if values.shape[1] == 1 else range(count)
    ax = axes(ax, 5.0, 4.6)
    for position, column in zip(shown, values.T, strict=True):
        hit = which == position
        if hit.all() or not hit.any():
            raise DataError(
                f"class {names[position]!r} has {'all' if hit.all() else 'none'} of the samples in "
                "y_true, so it has no ROC curve. Use other samples, or fewer classes."
            )
        false_rate, true_rate, _ = metrics.roc_curve(hit, column)
        label = f"{names[position]} (AUC {metrics.auc(false_rate, true_rate):.4f})"
        turn, shade = divmod(position, len(COLORS))
        style = _STYLES[turn % len(_STYLES)]
        ax.plot(false_rate, true_rate, style, color=COLORS[shade], label=label)
    ax.plot([0, 1], [0, 1], ":", color="gray", linewidth=1)
    ax.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
    ax.grid(alpha=0.3)
    ax.legend(loc="lower right", fontsize="small", ncols=2 if len(values.T) > 12 else 1)
    return ax
