"""The parts of a report about what predictions depend on."""

from collections.abc import Sequence

import numpy as np

from xpnet.cli.explain_text import SCORES, importance_numbers, shown_classes, value_names
from xpnet.cli.page.markup import Html, element, figure, joined, table
from xpnet.cli.page.pictures_of import Line, curves, date_ticks, named_values
from xpnet.cli.page.skeleton import Section, section
from xpnet.tabular.partial_dependence import Dependence
from xpnet.tabular.permutation import Importance
from xpnet.tabular.table_model import TableModel

__all__ = ["dependence_part", "importance_part"]

_MOST_COLUMNS, _MOST_CLASSES = 50, 5


def importance_part(found: Importance) -> Section:
    """A bar for each column, with the standard deviation as a line."""
    verb = "falls" if found.falls else "rises"
    (whole,) = importance_numbers(found, [found.whole])
    means, stds = (c[:_MOST_COLUMNS].tolist() for c in (found.mean, found.std))
    cells = importance_numbers(found, means), importance_numbers(found, stds)
    meters = _meters(means, stds)
    rows = [*zip(found.names, cells[0], cells[1], meters, strict=False)]
    words = (
        f"How much the {SCORES[found.score]} ({whole} on {found.rows:,} rows) {verb} when the "
        f"cells of a column are shuffled among the rows: mean and standard deviation of "
        f"{found.repeats} shuffles. Near 0, the model does not need the column: it makes no "
        "difference, or another column carries the same information."
    )
    left_out = len(found.names) - len(rows)
    more = [element("p", f"… and {left_out:,} less important columns.")] if left_out else []
    numbers = table(("column", "mean", "deviation", ""), rows, numbers=(1, 2), kind="meters")
    return section(
        "importance",
        "Importance",
        element("p", words),
        numbers,
        *more,
    )


def _meters(means: Sequence[float], stds: Sequence[float]) -> list[Html]:
    """Bars from 0, and lines one deviation to each side."""
    most = max((m + s for m, s in zip(means, stds, strict=True)), default=0.0)
    scale = 100 / most if most > 0 else 0.0
    made = []
    for mean, std in zip(means, stds, strict=True):
        left, right = max(mean - std, 0.0) * scale, max(mean + std, 0.0) * scale
        made.append(
            element(
                "span",
                element("i", style=f"width: {max(mean, 0.0) * scale:.1f}%"),
                element("b", style=f"left: {left:.1f}%; width: {right - left:.1f}%"),
                class_="meter",
            )
        )
    return made


def dependence_part(model: TableModel, curves_of: Sequence[Dependence]) -> Section:
    """A picture for each of the most important columns."""
    what = "prediction" if model.classes is None else "probability of each class"
    if model.classes is not None and len(model.classes) == 2:
        what = f"probability of {model.classes[1]}"
    words = (
        f"The mean {what} if a column has the same value in all rows, and the other columns stay "
        "as they are. It shows the model, not the world: some of these rows may be impossible. "
        "Each picture has a scale of its own."
    )
    pictures = [_picture(model, curve) for curve in curves_of]
    return section(
        "dependence",
        "Partial dependence",
        element("p", words),
        element("div", *pictures, class_="charts"),
    )


def _picture(model: TableModel, curve: Dependence) -> Html:
    if model.classes is None:
        lines = [Line("prediction", curve.mean.tolist())]
    else:
        classes = shown_classes(curve, _MOST_CLASSES)
        lines = [Line(str(model.classes[k]), curve.mean[:, k].tolist()) for k in classes]
    names = value_names(curve)
    about = f"Mean prediction by {curve.name}: " + "; ".join(
        f"{line.name} from {line.ys[0]:.4g} at {names[0]} to {line.ys[-1]:.4g} at {names[-1]}"
        for line in lines
    )
    if curve.kind == "number":
        drawn = curves(list(curve.values), lines, about=about, dotted=True)
    elif curve.kind == "date":
        seconds = np.array(curve.values, "datetime64[s]").astype(np.int64).tolist()
        ticks = date_ticks(seconds[0], seconds[-1])
        drawn = curves(seconds, lines, about=about, dotted=True, x_ticks=ticks)
    else:
        drawn = named_values(names, lines, about=about)
    return joined([figure(drawn, curve.name, [line.name for line in lines])])
