"""The specification: run a graph with the ops' plain definitions, on any Array API library."""

from collections.abc import Mapping, Sequence
from typing import Any

from xpnet.graph.graph import Graph
from xpnet.graph.node import Node
from xpnet.graph.value import Value
from xpnet.ops.record import Update
from xpnet.typing import Namespace

__all__ = ["applied_rule", "constant", "evaluate", "interpret"]


def constant(xp: Namespace, value: Value, device: Any = None) -> Any:
    """The array of a constant value."""
    data = value.data
    if hasattr(data, "dtype") and not hasattr(data, "__array_namespace__"):
        return xp.astype(data, getattr(xp, value.dtype))
    return xp.asarray(data, dtype=getattr(xp, value.dtype), device=device)


def evaluate(xp: Namespace, node: Node, arrays: dict[Value, Any]) -> None:
    """Compute one node from the arrays of its inputs, and add its outputs."""
    inputs = [arrays[v] for v in node.inputs]
    if isinstance(node.record, Update):
        results = _updated(xp, node, inputs)
    else:
        try:
            found = node.record.fn(xp, *inputs, **node.static)
        except Exception as error:
            error.add_note(f"the op {node.record.name!r}")
            raise
        results = [found] if node.saved is None else [*found]
    arrays.update(zip(node.outputs, results, strict=True))


def applied_rule(
    xp: Namespace, node: Node, vectors: Sequence[Any], numbers: Sequence[Any]
) -> Sequence[Any]:
    """The vectors, or parts of them, after the rule of a node."""
    try:
        found: Sequence[Any] = node.record.fn(xp, *vectors, *numbers, **node.static)
    except Exception as error:
        error.add_note(f"the rule {node.record.name!r}")
        raise
    return found


def _updated(xp: Namespace, node: Node, inputs: list[Any]) -> list[Any]:
    """The vectors of a rule, after it has changed their part."""
    part, count = node.part, len(node.outputs)
    if part is None:
        return [*applied_rule(xp, node, inputs[:count], inputs[count:])]
    pieces = [part.of(xp, vector) for vector in inputs[:count]]
    new = applied_rule(xp, node, pieces, inputs[count:])
    return [part.replaced(xp, *both) for both in zip(inputs, new, strict=False)]


def interpret(
    graph: Graph,
    xp: Namespace,
    feeds: Mapping[Value, Any],
    outputs: Sequence[Value],
    device: Any = None,
) -> list[Any]:
    """Arrays in, arrays out: compute `outputs` from the inputs and parameters in `feeds`.

    Parameters
    ----------
    graph : Graph
        Its nodes are computed in order, if the outputs depend on them.
    xp : namespace
        An Array API namespace.
    feeds : mapping of Value to array
        One array for each input and parameter.
    outputs : sequence of Value
        What to return.
    """
    arrays = dict(feeds)
    for value in graph.constants:
        arrays[value] = constant(xp, value, device)
    for node in graph.needed(outputs):
        evaluate(xp, node, arrays)
    return [arrays[value] for value in outputs]
