"""Numbers that name rows of an `Embedding`, or classes: checked when data are accepted.

Numbers that a network computes from its inputs are computed here too, before anything changes.
Those that depend on parameters are not known then: a look-up gives NaN for what names no row.
"""

from contextlib import suppress
from functools import lru_cache
from typing import Any

from xpnet import ops
from xpnet.backends import Backend, dtype_name
from xpnet.data.arrays import batch_slices
from xpnet.data.sparse_rows import is_sparse
from xpnet.engine.batch_graph import BatchGraph, BatchSpec
from xpnet.engine.network import Network
from xpnet.errors import ShapeError
from xpnet.graph import Graph, Lookup, Value, check_numbers, lookups, numbers_of
from xpnet.typing import Array, Shape

__all__ = ["LookupChecks"]

_ROWS = 4096  # at a time, where numbers are computed

Cuts = list[dict[str, Any]]


class LookupChecks:
    """The checks of a network's inputs and targets.

    Targets are checked if the loss or a metric is the user's own function, which may look them up.

    Parameters
    ----------
    network : Network
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        found = [lookup for lookup in lookups(network.graph) if lookup.op == "embedding"]
        self._of_inputs = _split(network.graph, found)
        self._graph = lru_cache(maxsize=8)(lambda rows: network.trace(rows, training=False)[0])
        self._with_loss = lru_cache(maxsize=8)(self._trace_with_loss)

    @property
    def of_inputs(self) -> bool:
        """Whether inputs are checked."""
        return any(self._of_inputs)

    def of_targets(self, rows: int, shape: Shape, dtype: str) -> bool:
        """Whether so many targets, of this shape for each sample, and this type, are checked."""
        measures = self._network.measures.values()
        return any(m.own for m in measures) and bool(self._target_lookups(rows, shape, dtype))

    def check_inputs(self, name: str, x: Array, place: Backend) -> None:
        """Raise `DataError` for inputs of this name that lead to no row of their table."""
        direct, computed = self._of_inputs
        for cuts, lookup in direct:
            check_numbers(name, lookup.where, lookup.size, _part(x, cuts, place), place)
        if not computed:
            return
        for part in batch_slices(int(x.shape[0]), _ROWS):
            graph = self._graph(part.stop - part.start)
            found = [lookup for lookup in lookups(graph) if lookup.op == "embedding"]
            for lookup in _split(graph, found)[1]:
                numbers = numbers_of(graph, lookup, {graph.inputs[0]: x[part, ...]}, place)
                what = f"what the network computes from {name}"
                check_numbers(what, lookup.where, lookup.size, numbers, place, part.start)

    def check_targets(self, name: str, x: Array, y: Array, place: Backend) -> None:
        """Raise `DataError` for targets that a function of the user looks up in vain."""
        count, shape, dtype = int(y.shape[0]), tuple(y.shape[1:]), dtype_name(y.dtype)
        if not self.of_targets(min(count, _ROWS), shape, dtype):
            return
        for part in batch_slices(count, _ROWS):
            rows = part.stop - part.start
            graph = self._with_loss(rows, shape, dtype)
            if graph is None:
                return
            feeds = {graph.inputs[1]: y[part, ...]}
            if not is_sparse(x):  # no look-up depends on sparse inputs: they meet parameters first
                feeds[graph.inputs[0]] = x[part, ...]
            for lookup in self._target_lookups(rows, shape, dtype):
                numbers = numbers_of(graph, lookup, feeds, place)
                what = name if lookup.numbers is graph.inputs[1] else f"what is made of {name}"
                check_numbers(what, lookup.where, lookup.size, numbers, place, part.start)

    def _target_lookups(self, rows: int, shape: Shape, dtype: str) -> list[Lookup]:
        graph = self._with_loss(rows, shape, dtype)
        if graph is None:
            return []
        return [lookup for lookup in lookups(graph) if graph.inputs[1] in lookup.inputs]

    def _trace_with_loss(self, rows: int, shape: Shape, dtype: str) -> Graph | None:
        """The graph of an evaluation; None if the loss does not take so many rows."""
        with suppress(ShapeError):
            return BatchGraph.of(self._network, BatchSpec("evaluate", rows, shape, dtype)).graph
        return None  # a step has other rows, or will say what is wrong


def _split(graph: Graph, found: list[Lookup]) -> tuple[list[tuple[Cuts, Lookup]], list[Lookup]]:
    """Look-ups of the inputs or of slices of them, each with its slices; and all others."""
    pairs = [(_slices(graph, lookup.numbers), lookup) for lookup in found]
    direct = [(cuts, lookup) for cuts, lookup in pairs if cuts is not None]
    return direct, [lookup for cuts, lookup in pairs if cuts is None]


def _slices(graph: Graph, value: Value) -> Cuts | None:
    """The slices that lead from the input to this value; None if it is computed otherwise."""
    made = {node.output: node for node in graph.nodes}
    cuts: Cuts = []
    while value in made:
        node = made[value]
        if node.record is ops.slice:
            cuts.insert(0, node.static)
        elif node.record is not ops.reshape or cuts:  # a reshape after the slices changes nothing
            return None
        value = node.inputs[0]
    return cuts if value in graph.inputs else None


def _part(x: Array, cuts: Cuts, place: Backend) -> Array:
    for cut in cuts:
        x = ops.slice.fn(place.xp, x, **cut)
    return x
