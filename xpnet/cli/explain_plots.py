"""A picture of what predictions depend on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from xpnet.cli.explain_text import SCORES, shown_classes, value_names
from xpnet.cli.words import clean, fit
from xpnet.plot.canvas import COLORS, new_figure
from xpnet.tabular.partial_dependence import Dependence
from xpnet.tabular.permutation import Importance
from xpnet.tabular.table_model import TableModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["explained_figure"]

_MOST_COLUMNS, _MOST_CLASSES, _PER_ROW = 20, 5, 3
_NAME, _SHORT = 26, 16


def explained_figure(model: TableModel, found: Importance, curves: Sequence[Dependence]) -> Figure:
    """The importance of each column above the partial dependence of some."""
    rows = -(-len(curves) // _PER_ROW)
    count = min(len(found.names), _MOST_COLUMNS)
    top = 0.28 * count + 1.0
    figure = new_figure(11.0, top + 2.9 * rows)
    grid = figure.add_gridspec(1 + rows, _PER_ROW, height_ratios=[top, *[2.9] * rows])
    _draw_importance(found, count, figure.add_subplot(grid[0, :]))
    for i, curve in enumerate(curves):
        ax = figure.add_subplot(grid[1 + i // _PER_ROW, i % _PER_ROW])
        _draw_dependence(model, curve, ax, legend=i == 0)
    return figure


def _draw_importance(found: Importance, count: int, ax: Axes) -> None:
    names = [fit(clean(name), _NAME) for name in found.names[:count]]
    places = np.arange(count)
    ax.barh(places, found.mean[:count], xerr=found.std[:count], color=COLORS[0], ecolor="gray")
    ax.set_yticks(places, names, parse_math=False)
    ax.invert_yaxis()
    verb = "falls" if found.falls else "rises"
    ax.set_title(
        f"By how much the {SCORES[found.score]} {verb} when a column is shuffled", fontsize="medium"
    )
    ax.axvline(0, color="gray", linewidth=0.8)
    ax.grid(axis="x", alpha=0.3)
    ax.set_axisbelow(True)


def _draw_dependence(model: TableModel, curve: Dependence, ax: Axes, *, legend: bool) -> None:
    classes = [None] if model.classes is None else shown_classes(curve, _MOST_CLASSES)
    for i, k in enumerate(classes):
        y = curve.mean if k is None else curve.mean[:, k]
        label = None if k is None or model.classes is None else str(model.classes[k])
        shown = None if label is None else fit(clean(label), _SHORT).replace("$", r"\$")
        if curve.kind == "number":
            ax.plot(curve.values, y, ".-", color=COLORS[i], label=shown)
        elif curve.kind == "date":
            ax.plot(np.array(curve.values, "datetime64[s]"), y, ".-", color=COLORS[i], label=shown)
            ax.tick_params(axis="x", rotation=30)
        else:
            ax.plot(y, np.arange(len(y)), "o", color=COLORS[i], label=shown)
    if not curve.ordered:
        names = [fit(clean(name), _SHORT) for name in value_names(curve)]
        ax.set_yticks(np.arange(len(names)), names, fontsize="small", parse_math=False)
        ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_title(fit(clean(curve.name), _NAME), fontsize="medium", parse_math=False)
    ax.grid(alpha=0.3)
    if legend and model.classes is not None:
        what = "mean probability of" if len(classes) > 1 else "mean probability"
        ax.legend(fontsize="small", title=what, title_fontsize="small")
