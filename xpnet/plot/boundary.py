"""The regions in which a classifier of two features chooses each class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from xpnet.arguments import count, flag
from xpnet.backends import resolve
from xpnet.backends.readable import host_array
from xpnet.errors import ArgumentError, DataError, ShapeError
from xpnet.model import Model
from xpnet.optional import require
from xpnet.plot.canvas import axes, color, numbers
from xpnet.plot.labels import class_names, positions, vector
from xpnet.typing import Array, ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["decision_boundary"]

_MARGIN = 0.08  # around the samples, as a share of their range
_PALE = 0.3  # opacity of the regions


@dataclass(frozen=True)
class _Decision:
    """A classifier's output: each sample's class, with its scores if known; or one number."""

    classes: Any = None
    scores: Any = None
    probability: Any = None


class _Predicts(Protocol):
    """A model of xpnet, or any other that has such a method."""

    def predict(self, X: Any, /) -> Array: ...


_Classifier: TypeAlias = _Predicts | Callable[[Array], Array]


def decision_boundary(
    model: _Classifier,
    X: ArrayLike,
    y: ArrayLike,
    *,
    resolution: int = 200,
    labels: Sequence[Any] | None = None,
    logits: bool | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the regions of a classifier of two features, and samples on top.

    With scores for several classes, a class's region is where its score is the highest. A single
    number per sample is the probability of class 1: its levels are filled, and a line shows where
    it is 1/2.

    Parameters
    ----------
    model : Model or callable
        A callable takes samples (m, 2) and returns class labels (m,), scores (m, k), or
        probabilities (m, 1). If an object has a method ``predict``, that method is called.
    X : array of shape (n, 2)
        Samples; the regions are computed with their array library and dtype.
    y : array of shape (n,)
        Their classes.
    resolution : int, default 200
        Points of the grid along each feature, at least 2.
    labels : sequence, optional
        Names of the classes, in order; integers in `y` are positions in this list.
    logits : bool, optional
        Whether a single number is a logit, which the sigmoid turns into a probability. By default
        the loss of a `Model` decides; for other objects it is False.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If `X` does not have two features, `y` has another length, or the model's output has a
        wrong shape.
    DataError
        If there are no samples, or a class has no name.
    ArgumentError
        If the model cannot be called.
    """
    points, truth = numbers("X", X), vector("y", y)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ShapeError(
            f"X must have two features, shape (n, 2), got {points.shape}. Choose two columns, or "
            "project the data first."
        )
    if len(points) != len(truth):
        raise ShapeError(f"X has {len(points)} samples and y has {len(truth)} labels.")
    side = count("resolution", resolution, low=2)
    low, high = _window(points)
    grid = _grid(low, high, side)
    backend = resolve(None, X)
    asked = backend.asarray(grid.astype(_float_type(X)))
    found = _decide(_predictor(model)(asked), len(grid), _takes_logits(model, logits))
    names, at, regions = _classes(truth, found, labels)
    ax = axes(ax, 5.2, 4.2)
    lines = [np.linspace(low[i], high[i], side) for i in (0, 1)]
    if regions is None:
        _fill_levels(ax, lines, found.probability.reshape(side, side), names[1])
    else:
        _fill_regions(ax, lines, regions.reshape(side, side), len(names))
        _outline(ax, lines, regions, found.scores)
    _scatter(ax, points, at, names)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="$x_1$", ylabel="$x_2$")
    return ax


def _window(points: Any) -> tuple[Any, Any]:
    """The lower left and upper right corners of the picture."""
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.where(high > low, _MARGIN * (high - low), 1.0)
    return low - room, high + room


def _grid(low: Any, high: Any, side: int) -> Any:
    """Points (side**2, 2), row by row from the bottom."""
    first, second = (np.linspace(low[i], high[i], side) for i in (0, 1))
    return np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2)


def _float_type(X: Any) -> str:
    found = host_array("X", X).dtype
    return str(found.name) if found.kind == "f" else "float64"


def _predictor(model: Any) -> Callable[[Any], Any]:
    ask = getattr(model, "predict", model)
    if isinstance(model, type) or not callable(ask):
        raise ArgumentError(
            f"model must be a Model or a function of samples, got {type(model).__name__}."
        )
    predict: Callable[[Any], Any] = ask
    return predict


def _takes_logits(model: Any, asked: bool | None) -> bool:
    if asked is None:
        loss = model.network.loss if isinstance(model, Model) else None
        return loss is not None and loss.target == "binary" and loss.threshold == 0
    return flag("logits", asked)


def _decide(output: Any, rows: int, logits: bool) -> _Decision:
    found = host_array("the model's output", output)
    if found.ndim not in (1, 2) or len(found) != rows:
        raise ShapeError(
            f"for {rows} samples the model must return {rows} labels, or a row of scores for each; "
            f"it returned shape {found.shape}."
        )
    if found.ndim == 1 and found.dtype.kind != "f":
        return _Decision(classes=found)
    scores = numbers("the model's output", found).reshape(rows, -1)
    if scores.shape[1] > 1:
        return _Decision(classes=np.argmax(scores, axis=1), scores=scores)
    return _Decision(probability=0.5 * (1 + np.tanh(scores / 2)) if logits else scores)


def _classes(truth: Any, found: _Decision, labels: Sequence[Any] | None) -> tuple[Any, Any, Any]:
    """Names of all classes, and the positions of the samples' and the grid's classes in them."""
    if found.classes is None:
        names = (
            class_names(labels, truth) if labels is not None or truth.dtype.kind in "US" else [0, 1]
        )
        if len(names) != 2:
            raise DataError(
                f"one number per sample separates two classes, got {len(names)} classes."
            )
        return names, positions("y", truth, names, labels is not None), None
    same_kind = (truth.dtype.kind in "US") == (found.classes.dtype.kind in "US")
    names = class_names(labels, truth, *([found.classes] if same_kind else []))
    at = positions("y", truth, names, labels is not None)
    numbered = labels is not None or not same_kind
    return names, at, positions("the model's output", found.classes, names, numbered)


def _fill_regions(ax: Axes, lines: Sequence[Any], regions: Any, classes: int) -> None:
    colors = require("matplotlib.colors", "plot", "xpnet.plot")
    half = [(line[1] - line[0]) / 2 for line in lines]  # a cell is centered on its point
    ends = [end for line, h in zip(lines, half, strict=True) for end in (line[0] - h, line[-1] + h)]
    ax.imshow(
        regions,
        origin="lower",
        extent=(ends[0], ends[1], ends[2], ends[3]),
        aspect="auto",
        cmap=colors.ListedColormap([color(c, classes) for c in range(classes)]),
        vmin=-0.5,
        vmax=classes - 0.5,
        alpha=_PALE,
        interpolation="nearest",
    )


def _outline(ax: Axes, lines: Sequence[Any], regions: Any, scores: Any) -> None:
    """Lines around the regions: where a class's score equals the best of the others'."""
    side = len(lines[0])
    for c in np.unique(regions):
        if scores is None:
            ahead = np.where(regions == c, 1.0, -1.0)
        else:
            ahead = scores[:, c] - np.max(np.delete(scores, c, axis=1), axis=1)
        if ahead.min() < 0 < ahead.max():
            ax.contour(*lines, ahead.reshape(side, side), [0.0], colors="k", linewidths=0.8)


def _fill_levels(ax: Axes, lines: Sequence[Any], probability: Any, name: Any) -> None:
    colors = require("matplotlib.colors", "plot", "xpnet.plot")
    ends = [color(0, 2), "white", color(1, 2)]
    shades = colors.LinearSegmentedColormap.from_list("classes", ends)
    levels = np.linspace(0, 1, 11)
    filled = ax.contourf(*lines, np.clip(probability, 0, 1), levels, cmap=shades, alpha=0.6)
    ax.figure.colorbar(filled, ax=ax, label=f"probability of class {name}", ticks=levels[::2])
    if probability.min() < 0.5 < probability.max():
        ax.contour(*lines, probability, [0.5], colors="k", linewidths=1.0)


def _scatter(ax: Axes, points: Any, at: Any, names: Sequence[Any]) -> None:
    for c, name in enumerate(names):
        x = points[at == c]
        if len(x):
            shade = color(c, len(names))
            ax.scatter(x[:, 0], x[:, 1], s=22, color=shade, edgecolor="white", lw=0.6, label=name)
    ax.legend(title="class", fontsize="small", framealpha=0.9)
