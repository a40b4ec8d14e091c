"""Initial values that depend on data: the network is run once, layer by layer."""

from collections.abc import Mapping
from typing import Any

from xpnet import random
from xpnet.backends import get
from xpnet.data.arrays import Data
from xpnet.data.sparse_rows import is_sparse
from xpnet.data.stored_column import StoredColumn
from xpnet.engine.network import Network
from xpnet.engine.sparse_product import SparseProduct, split_product
from xpnet.errors import GraphError
from xpnet.graph import Graph, Node, Value
from xpnet.graph.interpret import constant, evaluate
from xpnet.typing import Array

__all__ = ["fitted_values", "sample_of"]

_STREAM = 3  # of random numbers: one draw for the rows, then one for each parameter
_ROWS = 4096  # that are looked at


def sample_of(data: Data, seed: int) -> Array:
    """Some random rows of the inputs, on the host: all of them if there are not many."""
    host, rows = get("numpy"), data.rows
    if rows <= _ROWS:
        return data.x if data.sparse else data.backend.to_numpy(data.x[0:rows, ...])
    drawn = random.words(host.xp, random.Key(seed, _STREAM), (_ROWS,))
    index = host.xp.astype(drawn, host.xp.int64) * rows >> 32
    if data.sparse:
        return data.x[index]
    if isinstance(data.x, StoredColumn):
        return data.x.taken(index)
    return data.backend.to_numpy(data.backend.take(data.x, data.backend.asarray(index, "int64")))


def fitted_values(
    network: Network, names: tuple[str, ...], start: Mapping[str, Array], x: Array
) -> dict[str, Array]:
    """The values of these parameters after they have seen data, on the host in float64.

    The training graph is interpreted with NumPy for the samples `x`, from the values `start`. So
    the results do not depend on the model's backend.

    Raises
    ------
    GraphError
        If an initializer returns other than finite numbers of the parameter's shape.
    """
    graph, _ = network.trace(x.shape[0], training=True)
    waiting: dict[Value, list[str]] = {}
    for name in names:
        waiting.setdefault(graph.scope.observed[name], []).append(name)
    product = split_product(graph) if is_sparse(x) else None
    run = _Run(graph, start, x, product)
    positions = {name: 1 + i for i, name in enumerate(graph.specs)}
    for node in graph.needed([*waiting]):
        run.compute(node)
        for name in waiting.get(node.output, ()):
            key = random.Key(network.seed, _STREAM, positions[name])
            run.replace(graph.parameters[name], _fitted(run, graph, name, key))
    return {name: run.arrays[graph.parameters[name]] for name in names}


def _fitted(run: "_Run", graph: Graph, name: str, key: random.Key) -> Array:
    """The value of one parameter after it has seen what the layer computes."""
    spec, xp = graph.specs[name], run.xp
    value, seen = run.arrays[graph.parameters[name]], run.arrays[graph.scope.observed[name]]
    found = spec.init.fitted(xp, key, value, seen)
    if tuple(found.shape) != spec.shape or not bool(xp.all(xp.isfinite(found))):
        raise GraphError(
            f"the initializer of {name!r} must return finite numbers of shape {spec.shape} for "
            f"data, but returned shape {tuple(found.shape)}."
        )
    return found


class _Run:
    """The nodes of a graph, computed one by one on the host.

    Attributes
    ----------
    arrays : dict of Value to array
    """

    def __init__(
        self, graph: Graph, start: Mapping[str, Array], x: Array, product: SparseProduct | None
    ) -> None:
        host = get("numpy")
        self.xp, self._done, double = host.xp, list[Node](), host.dtype("float64")
        self._x, self._product, self._weight = x.astype(double), product, None
        self.arrays: dict[Value, Any] = {graph.inputs[0]: self._x}
        self.arrays |= {v: start[name].astype(double) for name, v in graph.parameters.items()}
        if product is not None:
            self._weight = graph.parameters[product.weight]
            self.arrays[product.value] = self._x @ self.arrays[self._weight]
        self.arrays |= {value: constant(self.xp, value) for value in graph.constants}
        values = graph.step_values
        scheduled = [number.at(0) for number in values.scheduled.values()]
        self.arrays |= values.feeds(host.counter(0), host.numbers(scheduled, "float64"))

    def compute(self, node: Node) -> None:
        """Compute the next node."""
        evaluate(self.xp, node, self.arrays)
        self._done.append(node)

    def replace(self, value: Value, array: Array) -> None:
        """Set a parameter, and compute again what depends on it."""
        self.arrays[value], changed = array, {value}
        if self._product is not None and value is self._weight:
            self.arrays[self._product.value] = self._x @ array
            changed.add(self._product.value)
        for node in self._done:
            if not changed.isdisjoint(node.inputs):
                evaluate(self.xp, node, self.arrays)
                changed.update(node.outputs)
