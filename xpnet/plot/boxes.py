"""The text in the boxes of a computational graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from xpnet.graph import Graph, Node, Value
from xpnet.ops.record import Vjp
from xpnet.typing import Shape

__all__ = ["Box", "boxes"]

_TIMES = " \N{MULTIPLICATION SIGN} "
_LONG = 24  # longest setting that is shown, in characters


@dataclass(eq=False)
class Box:
    """A title, smaller lines below it, and the boxes that this box reads, in order.

    Attributes
    ----------
    kind : {"input", "parameter", "constant", "op", "gradient"}
    result : bool
        Whether this is a result: nothing in the graph reads it.
    """

    kind: str
    title: str
    lines: list[str] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    result: bool = True


def boxes(graph: Graph, *, ops: bool, backward: bool, rows: int | None = None) -> list[Box]:
    """The boxes of a graph, in an order in which they can be computed.

    Parameters
    ----------
    ops : bool
        Whether parameters and constants have their own boxes; otherwise they are lines in the
        boxes that read them.
    backward : bool
        Whether to include the nodes that back-propagation appended.
    rows : int, optional
        A batch size that is shown as n.
    """
    made: list[Box] = []
    index_of: dict[Value, int] = {}

    def add(box: Box, *values: Value | None) -> None:
        index_of.update({value: len(made) for value in values if value is not None})
        made.append(box)

    for value in graph.inputs:
        add(Box("input", value.name, _sizes(value.shape, rows)), value)
    kind = "op"
    for node in graph.nodes:
        if isinstance(node.record, Vjp):
            kind = "gradient"
        if kind == "gradient" and not backward:
            break
        box = Box(kind, node.record.name, _settings(node))
        for value in node.inputs:
            if value not in index_of and ops:
                add(_source(value), value)
            if value in index_of:
                box.sources.append(index_of[value])
                made[index_of[value]].result = False
        if not ops:
            box.lines += _inside([v for v in node.inputs if v not in index_of])
        box.lines += [f"→ {size}" for size in _sizes(node.output.shape, rows)]
        add(box, *node.outputs)
    return made


def _sizes(shape: Shape, rows: int | None = None) -> list[str]:
    """A shape as a line of text; a single number has no line."""
    lengths = ["n" if i == 0 and n == rows else str(n) for i, n in enumerate(shape)]
    return [_TIMES.join(lengths)] if lengths else []


def _settings(node: Node) -> list[str]:
    if isinstance(node.record, Vjp):
        return []  # the op that the node belongs to shows them
    shown = (f"{name} = {value}" for name, value in node.static.items())
    return [line for line in shown if len(line) <= _LONG]


def _number(data: Any) -> str:
    """The number of a constant; an array is called "constant"."""
    return "constant" if getattr(data, "shape", ()) else f"{float(data):g}"


def _source(value: Value) -> Box:
    title = _number(value.data) if value.kind == "constant" else value.name
    return Box(value.kind, title, _sizes(value.shape))


def _inside(values: list[Value]) -> list[str]:
    """The lines for parameters and constants in a box: the layer, then each with its shape."""
    lines = []
    named = [v for v in values if v.kind == "parameter"]
    layers = list(dict.fromkeys(v.name.rpartition(".")[0] for v in named))
    for layer in layers:
        lines += [layer] if layer else []
        own = (v for v in named if v.name.rpartition(".")[0] == layer)
        lines += [" ".join([v.name.rpartition(".")[2], *_sizes(v.shape)]) for v in own]
    for value in values:
        if value.kind != "parameter":
            title = _number(value.data) if value.kind == "constant" else value.name
            lines += [" ".join([title, *_sizes(value.shape)])]
    return lines
