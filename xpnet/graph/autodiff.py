"""General back-propagation: the backward graph of any forward graph.

Walk the nodes in reverse. The gradient of a value with several consumers (a fork) is the sum
of their gradients: the first to reach a value starts its accumulator, and each later one is added.
Skip connections, shared layers, tied weights and penalties are all this one case.

Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
Nature 323 (1986); Griewank and Walther, "Evaluating Derivatives" (2008), reverse mode.
"""

from collections.abc import Sequence

from xpnet import ops
from xpnet.errors import GraphError
from xpnet.graph.graph import Graph
from xpnet.graph.node import Node
from xpnet.graph.value import Value
from xpnet.ops.record import PASS, Op

__all__ = ["gradients"]


def gradients(graph: Graph, loss: Value, wrt: Sequence[Value]) -> list[Value]:
    """Append the backward graph of a scalar loss; return the gradient of each value in `wrt`.

    Only paths from `wrt` to the loss are differentiated.

    Raises
    ------
    GraphError
        If the loss is not a scalar, an op on the path has no gradient, or there is no path.
    """
    if loss.shape != ():
        raise GraphError(
            f"the loss must be a scalar (shape ()), got shape {loss.shape}: reduce it with "
            "xpnet.ops.mean or xpnet.ops.sum."
        )
    active = _depending_on(graph, wrt)
    _check_paths(graph, loss, wrt, active)
    accumulators: dict[Value, Value] = {}
    if loss in active:
        accumulators[loss] = graph.constant(1.0, loss.dtype)
    for node in reversed(graph.nodes[:]):
        gy = accumulators.get(node.output)
        if gy is None:
            continue
        # Last input first: then a bias's gradient can share a pass with the gradient just computed.
        for index, value in reversed([*enumerate(node.inputs)]):
            if value in active:
                part = _vjp(graph, node, index, gy)
                first = accumulators.get(value)
                accumulators[value] = part if first is None else first + part
    return [accumulators[value] for value in wrt]


def _vjp(graph: Graph, node: Node, index: int, gy: Value) -> Value:
    """Gradient of one input of a node, in the input's own shape."""
    op, value = node.record, node.inputs[index]
    vjp = op.vjp_of(index) if isinstance(op, Op) else None
    if vjp is None:
        what = f" with respect to its input {index}" if isinstance(op, Op) else ""
        raise GraphError(f"{op.name} has no gradient{what} ({value!r}).")
    gx = gy if vjp is PASS else graph.append_vjp(vjp, node, index, gy)
    return gx if gx.shape == value.shape else ops.sum_to(gx, shape=value.shape)


def _depending_on(graph: Graph, wrt: Sequence[Value]) -> set[Value]:
    """The values that change when one of `wrt` does."""
    active = set(wrt)
    for node in graph.nodes:
        if not active.isdisjoint(node.inputs):
            active.add(node.output)
    return active


def _check_paths(graph: Graph, loss: Value, wrt: Sequence[Value], active: set[Value]) -> None:
    """Every value of `wrt` must reach the loss."""
    reached = {loss}
    for node in reversed(graph.nodes):
        if node.output in reached:
            reached.update(v for v in node.inputs if v in active)
    lost = [value.name for value in wrt if value not in reached]
    if lost:
        raise GraphError(
            f"the loss does not depend on {', '.join(map(repr, lost))}: there is no path from the "
            "loss back to it. Use it in the computation, or do not differentiate by it."
        )
