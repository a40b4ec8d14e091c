"""A training step as one pure function of the state, for libraries that compile whole functions.

    (state, batch, step number, scheduled numbers, coefficients) -> (state, results)

Inside, each vector of the state is cut into its parameters. A compiler can then fuse each product
with what follows it, and nothing is copied into flat vectors or out of them. Most rules treat every
element alike, so they are applied parameter by parameter. The few others get the joined vector.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from xpnet.backends import TracedBackend
from xpnet.engine.batch_graph import BatchGraph
from xpnet.engine.programs import batch_values
from xpnet.graph import Graph, Node, ParameterTable
from xpnet.graph.interpret import applied_rule, constant
from xpnet.kernels import is_elementwise
from xpnet.typing import Array

__all__ = ["Pieces", "WholeStep"]

Pieces: TypeAlias = dict[str, dict[str, Array]]
"""Each vector of a state, cut into its parameters."""


class WholeStep:
    """The step of one kind of batch.

    Parameters
    ----------
    backend : TracedBackend
    table : ParameterTable
    batch_graph : BatchGraph
    rules : Graph
        The update; see `engine.update`.
    """

    def __init__(
        self,
        backend: TracedBackend,
        table: ParameterTable,
        batch_graph: BatchGraph,
        rules: Graph,
    ) -> None:
        self._backend, self._table, self._made = backend, table, batch_graph
        self._update = _Update(backend, table, rules)

    def cut(self, vectors: Mapping[str, Array]) -> Pieces:
        """Cut each vector into its parameters. A step does not read the old gradient: it gets 0."""
        table, xp = self._table, self._backend.xp

        def names(vector: Array) -> Sequence[str]:
            return table.trained if vector.shape[0] == table.trainable else [*table.specs]

        found = {k: {n: table.view(xp, v, n) for n in names(v)} for k, v in vectors.items()}
        found["gradient"] = {n: xp.zeros_like(g) for n, g in found["gradient"].items()}
        return found

    def join(self, pieces: Pieces) -> dict[str, Array]:
        """Join the pieces into flat vectors again."""
        return {name: self._table.flatten(self._backend, own) for name, own in pieces.items()}

    def __call__(
        self,
        pieces: Pieces,
        batch: Sequence[Array],
        number: Array,
        scheduled: Array,
        coefficients: Array,
    ) -> tuple[Pieces, Array]:
        """The state after the step, and the results of its batch."""
        given = pieces["params"], batch, number, scheduled
        found = batch_values(self._made, self._backend, *given)
        new = self._update({**pieces, "gradient": found.gradients}, coefficients)
        new["params"] = {**new["params"], **found.state}
        return new, found.results


class _Update:
    """The rules of an update, applied to a state in pieces."""

    def __init__(self, backend: TracedBackend, table: ParameterTable, rules: Graph) -> None:
        self._backend, self._table, self._rules = backend, table, rules
        self._order = sorted(table.trained, key=table.offsets.__getitem__)

    def __call__(self, pieces: Pieces, coefficients: Array) -> Pieces:
        graph, xp = self._rules, self._backend.xp
        found = {name: {**own} for name, own in pieces.items()}
        arrays = {v: constant(xp, v, self._backend.device) for v in graph.constants}
        arrays |= {v: coefficients[i] for i, v in enumerate(graph.inputs)}
        names = {v: name for name, v in graph.vectors.items()}
        for node in graph.needed([]):
            count = len(node.outputs)
            own = [names[v] for v in node.inputs[:count]]
            names.update(zip(node.outputs, own, strict=True))
            self._apply(
                node, [found[name] for name in own], [arrays[v] for v in node.inputs[count:]]
            )
        return found

    def _apply(self, node: Node, vectors: list[dict[str, Array]], numbers: Sequence[Array]) -> None:
        """Apply one rule to its part of these vectors."""
        rule: Any = node.record
        where = None if node.part is None else node.part.where
        inside = [n for n in self._order if where is None or _within(self._table.part(n), where)]
        shaped = node.part is not None and node.part.shape is not None
        if shaped or not is_elementwise(rule, node.static):
            self._apply_joined(node, vectors, numbers, inside)
            return
        for name in inside:
            old = [vector[name] for vector in vectors]
            new = applied_rule(self._backend.xp, node, old, numbers)
            for vector, array in zip(vectors, new, strict=True):
                vector[name] = array

    def _apply_joined(
        self,
        node: Node,
        vectors: list[dict[str, Array]],
        numbers: Sequence[Array],
        names: Sequence[str],
    ) -> None:
        """Apply one rule to these parameters as one vector, or in the shape that its part has."""
        xp, table, joined = self._backend.xp, self._table, self._backend.joined
        old = [joined(vector[name] for name in names) for vector in vectors]
        if node.part is not None and node.part.shape is not None:
            old = [xp.reshape(vector, node.part.shape) for vector in old]
        new = applied_rule(xp, node, old, numbers)
        first = table.offsets[names[0]]
        for vector, array in zip(vectors, new, strict=True):
            flat = xp.reshape(array, (-1,))
            for name in names:
                part = table.part(name)
                own = flat[part.start - first : part.stop - first]
                vector[name] = xp.reshape(own, table.specs[name].shape)


def _within(part: slice, whole: slice) -> bool:
    return bool(whole.start <= part.start and part.stop <= whole.stop)
