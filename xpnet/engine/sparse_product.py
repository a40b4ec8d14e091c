"""The product of sparse inputs with the network's first weight, which no plan computes.

A graph computes with dense arrays, of shapes that are known when it is planned. So the product X W
is an input of the graph, and the gradient G with respect to it is an output. Around the graph,
`SparseProgram` computes X W, and the rows of the gradient X^T G that are not 0.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from xpnet import ops
from xpnet.errors import DataError
from xpnet.graph import Graph, Node, Value

__all__ = ["SparseProduct", "check_begins_with_product", "split_product"]

_SHOWN = 4  # layers in a message


@dataclass
class SparseProduct:
    """A product that is computed outside of its graph.

    Attributes
    ----------
    weight : str
        The parameter's name.
    value : Value
        The graph's input that holds the product.
    slope : Value or None
        The gradient of the loss with respect to the product, if the weight is trained.
    """

    weight: str
    value: Value
    slope: Value | None = None

    def is_all_of(self, graph: Graph, loss: Value) -> bool:
        """Whether the loss depends on the weight by this product alone."""
        weight = graph.parameters[self.weight]
        return all(weight not in node.inputs for node in graph.needed([loss]))


def split_product(graph: Graph) -> SparseProduct:
    """Replace the product of the graph's first input with a weight by an input of its own.

    Raises
    ------
    DataError
        If the network begins with anything else.
    """
    node = check_begins_with_product("X", graph)
    _, weight, *bias = node.inputs
    value = Value(graph, "input", "X W", node.output.shape, node.output.dtype)
    record = ops.add if bias else ops.identity
    graph.nodes[graph.nodes.index(node)] = Node(record, (value, *bias), {}, node.outputs)
    graph.inputs[0] = value
    return SparseProduct(weight.name, value)


def check_begins_with_product(name: str, graph: Graph) -> Node:
    """The node that multiplies the graph's first input with a weight; no other may read it.

    Raises
    ------
    DataError
        If the network begins with anything else. `name` is that of the data, for the message.
    """
    x = graph.inputs[0]
    readers = _readers(graph, x)
    while len(readers) == 1 and _keeps(readers[0]):  # such as Flatten
        readers = _readers(graph, readers[0].output)
    if len(readers) == 1 and _multiplies(readers[0], graph):
        return readers[0]
    raise DataError(
        f"{name} is sparse, so the network must begin with one product of its inputs and a weight "
        f"matrix, as Dense does; this one begins with {_named(graph, readers)}. Begin it with "
        f"Dense, or give {name}.toarray()."
    )


def _readers(graph: Graph, value: Value) -> list[Node]:
    return [node for node in graph.nodes if value in node.inputs]


def _keeps(node: Node) -> bool:
    """Whether a node changes neither numbers nor their shape."""
    return node.record in (ops.reshape, ops.identity) and node.inputs[0].shape == node.output.shape


def _multiplies(node: Node, graph: Graph) -> bool:
    """Whether a node multiplies its first input with a parameter, a matrix."""
    if node.record not in (ops.affine, ops.matmul):
        return False
    x, weight, *bias = node.inputs
    once = x is not weight and x not in bias
    return once and weight.ndim == 2 and graph.parameters.get(weight.name) is weight


def _named(graph: Graph, readers: Iterable[Node]) -> str:
    """The ops of these nodes and the first layers, for a message."""
    names = [f"the op {node.record.name!r}" for node in readers]
    layers = [call.kind for call in graph.scope.calls][:_SHOWN]
    beginning = f" (the first layers are {', '.join(layers)})" if layers else ""
    return (" and ".join(names) or "nothing") + beginning
