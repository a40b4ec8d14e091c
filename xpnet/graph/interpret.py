"""The specification: run a graph with the ops' plain definitions, on any Array API library."""

from collections.abc import Mapping, Sequence
from typing import Any

from xpnet.graph.value import Graph, Node, Value
from xpnet.typing import Namespace

__all__ = ["constant", "evaluate", "interpret"]


def constant(xp: Namespace, value: Value, device: Any = None) -> Any:
    """The array of a constant value."""
    data = value.data
    if hasattr(data, "dtype") and not hasattr(data, "__array_namespace__"):
        return xp.astype(data, getattr(xp, value.dtype))
    return xp.asarray(data, dtype=getattr(xp, value.dtype), device=device)


def evaluate(xp: Namespace, node: Node, arrays: dict[Value, Any]) -> None:
    """Compute one node from the arrays of its inputs, and add what it gives."""
    result = node.record.fn(xp, *(arrays[v] for v in node.inputs), **node.static)
    if node.residual is None:
        arrays[node.output] = result
    else:
        arrays[node.output], arrays[node.residual] = result


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
        Its nodes are computed in order.
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
    for node in graph.nodes:
        evaluate(xp, node, arrays)
    return [arrays[value] for value in outputs]
