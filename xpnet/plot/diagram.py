"""The computational graph of a network, drawn as boxes and arrows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from xpnet.arguments import choice, flag
from xpnet.errors import ArgumentError
from xpnet.graph import Graph
from xpnet.model import Model
from xpnet.optional import require
from xpnet.plot.boxes import Box, boxes
from xpnet.plot.canvas import axes, inches, new_figure
from xpnet.plot.layout import Layout, Point, arrange

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["graph"]

# Face and edge of a box.
_FACES = {
    "input": ("#d9ead3", "#4f8a3d"),
    "parameter": ("#fdebd0", "#b9770e"),
    "constant": ("#f2f2f2", "#8c8c8c"),
    "step": ("#f2f2f2", "#8c8c8c"),
    "op": ("#d6e6f5", "#1f618d"),
    "gradient": ("#ead9f0", "#76448a"),
}
_TITLE, _LINE = 9.5, 8.0  # points
_LEADING = 1.35  # ratio of line height to letter height
_PAD = 0.09  # inches between the text and the edge of the box
_LETTERS = "#1a1a1a"


def graph(
    source: Model | Graph,
    detail: Literal["layers", "ops"] = "layers",
    *,
    backward: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw the computational graph of a network, from top to bottom.

    A box is an op with the shape of its result, where n is the number of samples. An arrow is an
    array that one op produces and another reads. Where arrows fork, back-propagation adds
    gradients. The result, which no op reads, has a thick border.

    Parameters
    ----------
    source : Model or Graph
        A built model, or a graph from `xpnet.graph.trace`.
    detail : {"layers", "ops"}
        ``"layers"`` writes parameters and constants into the box that reads them; ``"ops"`` gives
        each its own box.
    backward : bool, default False
        Whether to draw the backward part too; the graph must have been differentiated by
        `xpnet.graph.gradients`.
    ax : Axes, optional
        Where to draw; the font size shrinks to fit.

    Returns
    -------
    Axes

    Raises
    ------
    ArgumentError
        If `source` is neither, has nothing to draw or no backward part, or the model does not know
        the shape of a sample yet.
    """
    choice("detail", detail, ("layers", "ops"))
    backward = flag("backward", backward)
    found, rows = _graph_of(source)
    made = boxes(found, ops=detail == "ops", backward=backward, rows=rows)
    if not made:
        raise ArgumentError("the graph is empty; there is nothing to draw.")
    if backward and not any(box.kind == "gradient" for box in made):
        raise ArgumentError(
            "this graph has no backward part. Differentiate it first with "
            "xpnet.graph.gradients(graph, loss, wrt)."
        )
    edges = [(a, b) for b, box in enumerate(made) for a in box.sources]
    layout = arrange([_size(box) for box in made], edges)
    if ax is None:
        figure = new_figure(layout.width, layout.height, layout="none")
        ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    _draw(axes(ax), made, edges, layout)
    return ax


def _graph_of(source: object) -> tuple[Graph, int | None]:
    """The graph, and the number of rows that represents any number of samples."""
    if isinstance(source, Model):
        found = source.network.graph
        return found, found.inputs[0].shape[0]
    if isinstance(source, Graph):
        return source, None
    hint = "; pass the first of the two results of trace" if isinstance(source, tuple) else ""
    raise ArgumentError(f"graph draws a Model or a Graph, got {type(source).__name__}{hint}.")


def _text_width(text: str, points: float) -> float:
    """Inches."""
    paths = require("matplotlib.textpath", "plot", "xpnet.plot.graph")
    return float(paths.TextPath((0, 0), text, size=points).get_extents().width) / 72


def _heights(box: Box) -> list[float]:
    """The height of each line of text, in inches."""
    return [points * _LEADING / 72 for points in (_TITLE, *[_LINE] * len(box.lines))]


def _size(box: Box) -> Point:
    """Width and height in inches."""
    widths = [_text_width(box.title, _TITLE), *(_text_width(t, _LINE) for t in box.lines)]
    return max(*widths, 0.35) + 2 * _PAD, sum(_heights(box)) + 2 * _PAD


def _draw(ax: Axes, made: Sequence[Box], edges: Sequence[tuple[int, int]], layout: Layout) -> None:
    ax.set(xlim=(0, layout.width), ylim=(layout.height, 0), aspect="equal")
    ax.set_axis_off()
    width, height = inches(ax)
    scale = min(width / layout.width, height / layout.height)
    for box, center in zip(made, layout.centers, strict=True):
        _draw_box(ax, box, center, scale)
    for (_, b), route in zip(edges, layout.routes, strict=True):
        ink = _FACES["gradient"][1] if made[b].kind == "gradient" else "#404040"
        _draw_arrow(ax, route, ink, scale)


def _draw_box(ax: Axes, box: Box, center: Point, scale: float) -> None:
    patches = require("matplotlib.patches", "plot", "xpnet.plot.graph")
    (width, height), (x, y) = _size(box), center
    face, edge = _FACES[box.kind]
    frame = patches.FancyBboxPatch(
        (x - width / 2, y - height / 2),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=0.06",
        facecolor=face,
        edgecolor=edge,
        linewidth=(2.2 if box.result else 1.0) * scale,
        zorder=2,
    )
    ax.add_patch(frame)
    top = y - height / 2 + _PAD
    for i, (text, line) in enumerate(zip([box.title, *box.lines], _heights(box), strict=True)):
        points, ink = (_TITLE, _LETTERS) if i == 0 else (_LINE, "#4d4d4d")
        ax.text(
            x,
            top + line / 2,
            text,
            ha="center",
            va="center",
            fontsize=points * scale,
            color=ink,
            zorder=3,
        )
        top += line


def _draw_arrow(ax: Axes, route: Sequence[Point], ink: str, scale: float) -> None:
    """A curve that leaves and arrives vertically, and crosses other ranks in a straight line."""
    patches = require("matplotlib.patches", "plot", "xpnet.plot.graph")
    path = require("matplotlib.path", "plot", "xpnet.plot.graph").Path
    points, codes = [route[0]], [path.MOVETO]
    for i, ((x0, y0), (x1, y1)) in enumerate(pairwise(route)):
        if i % 2:  # through a rank
            points.append((x1, y1))
            codes.append(path.LINETO)
        else:
            middle = (y0 + y1) / 2
            points += [(x0, middle), (x1, middle), (x1, y1)]
            codes += [path.CURVE4] * 3
    arrow = patches.FancyArrowPatch(
        path=path(points, codes),
        arrowstyle="-|>",
        mutation_scale=9 * scale,
        linewidth=1.0 * scale,
        color=ink,
        zorder=1,
    )
    ax.add_patch(arrow)
