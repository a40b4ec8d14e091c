"""The part of a report about training: what the history in the model's file says."""

from collections.abc import Sequence
from math import isfinite, sqrt

from xpnet.cli.page.chart import ticks
from xpnet.cli.page.markup import Html, element, figure
from xpnet.cli.page.pictures_of import Line, curves
from xpnet.cli.page.skeleton import Section, section
from xpnet.tabular.table_model import TableModel
from xpnet.training.advice import still_falling
from xpnet.training.history import History

__all__ = ["training_notes", "training_part"]

_NOT_SHOWN = ("epoch", "seconds", "learning_rate")
_WORSE = 1.02  # the last validation loss, as a multiple of the best


def training_part(model: TableModel) -> Section:
    """A picture for each measurement, on training and validation rows."""
    rows = model.history
    if not rows:
        return section("training", "Training", element("p", "The model's file has no history."))
    seconds = sum(row.get("seconds", 0.0) for row in rows)
    words = f"{len(rows):,} epochs in {seconds:,.1f} s."
    columns = [n for n in rows[0] if n not in _NOT_SHOWN and not n.startswith("val_")]
    pictures = [_picture(model, column) for column in columns]
    return section(
        "training", "Training", element("p", words), element("div", *pictures, class_="charts")
    )


def training_notes(model: TableModel) -> list[str]:
    """What the curves say."""
    history = History()
    for row in model.history:
        history.append(row)
    falling = still_falling(history)
    if falling is not None:
        return [f"{falling[0].upper()}{falling[1:]}: more epochs would help."]
    best = _best(model)
    if best is None or best == len(history):
        return []
    losses = history["val_loss"]
    if not losses[-1] > _WORSE * losses[best - 1]:
        return []
    return [
        f"The validation loss was lowest after epoch {best} of {len(losses)}, and rose from "
        f"{losses[best - 1]:.4g} to {losses[-1]:.4g}. Unless that epoch was kept "
        "(--early-stopping), fewer epochs would be enough."
    ]


def _best(model: TableModel) -> int | None:
    """The epoch with the least validation loss, counted from 1."""
    losses = [row.get("val_loss", float("nan")) for row in model.history]
    known = [loss for loss in losses if isfinite(loss)]
    return losses.index(min(known)) + 1 if known else None


def _picture(model: TableModel, column: str) -> Html:
    epochs = [float(i + 1) for i in range(len(model.history))]
    squared = column == "loss" and model.model.config.loss.name == "mean_squared_error"
    lines = [
        Line(label, _units(model, name, squared=squared))
        for label, name in (("training", column), ("validation", f"val_{column}"))
        if name in model.history[0]
    ]
    best = _best(model)
    title = "RMSE, in the target's units" if squared else column.replace("_", " ")
    about = f"{title} by epoch: " + "; ".join(
        f"{line.name} from {line.ys[0]:.4g} to {line.ys[-1]:.4g}" for line in lines
    )
    mark = float(best) if best is not None and len(epochs) > 1 else None
    whole = [(t, f"{t:,.0f}") for t in ticks(1.0, epochs[-1]) if t == int(t)]
    picture = curves(epochs, lines, about=about, x_label="epoch", x_ticks=whole, mark=mark)
    note = [] if mark is None else [_soft(f"dashed: lowest validation loss, epoch {best}")]
    return element("div", figure(picture, title, [line.name for line in lines]), *note)


def _soft(text: str) -> Html:
    return element("small", text, class_="soft")


def _units(model: TableModel, name: str, *, squared: bool) -> Sequence[float]:
    """A column of the history; a squared error as its root, in the target's units."""
    values = [float(row.get(name, float("nan"))) for row in model.history]
    return [model.target.scale * sqrt(v) for v in values] if squared else values
