"""Gradient accumulation: one step with the gradients of several batches, as if they were one.

Each batch's gradient, of its loss without penalties, is multiplied by the batch's weight (its
number of samples, or the sum of their weights) and added to a sum. The sum divided by the total
weight is the gradient of all batches; the gradient of the penalties is then added once. If the
loss is the sum of its samples' losses, the gradients are only summed. Those of several processes
are added here, too: see `xpnet.parallel.shared_gradient`.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, reduce
from operator import add

from xpnet import ops
from xpnet.engine.batch_graph import WEIGHT, penalties_of
from xpnet.engine.batches import Batches
from xpnet.engine.engine import Engine
from xpnet.engine.programs import Program
from xpnet.engine.sparse_program import settle
from xpnet.engine.vector_program import VectorProgram
from xpnet.graph import Graph, Part, Value, gradients
from xpnet.ops.vector_rules import (
    ADD_MULTIPLE,
    ADD_TO_VECTOR,
    MEAN_GRADIENT,
    REPLACE_GRADIENT,
)
from xpnet.typing import Array

__all__ = ["Accumulation"]

_APART = 32  # bits: a step's batches draw dropout and noise as steps that are 2**32 apart


class Accumulation:
    """The sum of the gradients of the batches of a step.

    Attributes
    ----------
    vectors : dict of str to array
        ``"sum"``; ``"weight"``, of one element; and the state's ``"gradient"``.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, backend, dtype = engine, engine.backend, engine.network.dtype
        self._summed = engine.network.loss.reduction == "sum"
        gradient = engine.state.gradient
        self.vectors: dict[str, Array] = {
            "sum": backend.zeros(gradient.shape, dtype),
            "weight": backend.zeros((1,), dtype),
            "gradient": gradient,
        }

    def step(
        self,
        batches: Batches,
        chosen: Sequence[int],
        look: Callable[[int, Program], None],
        at_cut: Callable[[int], float],
        share: float = 0.0,
    ) -> None:
        """Make one step from the chosen batches, like `Engine.step`; call `look` with each."""
        engine = self._engine
        try:
            self._gradient(batches, chosen, look, share)
            learning_rate = at_cut(chosen[0])
        except BaseException:
            engine.state.forget_overflow()
            raise
        with engine.programs.lock:
            engine.change(None, learning_rate, share)

    def _gradient(
        self,
        batches: Batches,
        chosen: Sequence[int],
        look: Callable[[int, Program], None],
        share: float,
    ) -> None:
        """Sum the gradients of the chosen batches."""
        engine, lock = self._engine, self._engine.programs.lock
        state = engine.state
        self.clear()
        for position, i in enumerate(chosen):
            if not batches.sizes[i]:
                self.skip(batches, i)
                continue
            with lock, batches.threads:
                program = batches.load(i)
                engine.set_step(program, state.step + (position << _APART), share)
                program.run()
                state.results = program.results
                look(i, program)
                self.add(program)
        with lock:
            self.finish()

    def skip(self, batches: Batches, i: int) -> None:
        """Do without a batch of which this process has no rows."""

    def clear(self) -> None:
        """Begin a step."""
        backend, vectors = self._engine.backend, self.vectors
        for name in ("sum", "weight"):
            vectors[name] = backend.zeroed(vectors[name])

    def add(self, program: Program) -> None:
        """Add the gradient of the batch that this program computed."""
        settle(program)
        layout, rows = program.batch_graph.layout, program.batch_graph.graph.inputs[0].shape[0]
        weight = program.results[layout[WEIGHT]] if WEIGHT in layout else rows
        added = self._added
        added.numbers.array = self._numbers(added.numbers.array, weight)
        self.vectors["gradient"] = self._engine.state.gradient
        added.run()
        state = self._engine.state
        state.begun += 1
        program.commit()
        state.done = state.begun

    def _numbers(self, numbers: Array, weight: Array | int) -> Array:
        """The factor of the gradient, and the number to add to the total weight."""
        backend = self._engine.backend
        if backend.planned:
            numbers[1:] = weight
            numbers[:1] = 1 if self._summed else weight
            return numbers
        dtype = self._engine.network.dtype
        more = backend.asarray([weight], dtype) if isinstance(weight, int) else weight
        return backend.xp.concat([backend.xp.ones_like(more) if self._summed else more, more])

    def finish(self) -> None:
        """Store the gradient of all batches, with that of the penalties, in the state."""
        self._finished.run()
        self._engine.state.vectors["gradient"] = self.vectors["gradient"]

    @cached_property
    def _added(self) -> VectorProgram:
        """The graph of `add`."""
        graph, dtype = self._declared(), self._engine.network.dtype
        share, more = (graph.input(name, (), dtype) for name in ("share", "more"))
        graph.update(ADD_MULTIPLE, ["sum"], [graph.vectors["gradient"], share])
        graph.update(ADD_TO_VECTOR, ["weight"], [more])
        return VectorProgram(graph, self._engine.backend, self.vectors, dtype)

    @cached_property
    def _finished(self) -> VectorProgram:
        """The graph of `finish`: the network's parameters, and their penalties."""
        engine, network, table = self._engine, self._engine.network, self._engine.network.table
        graph = self._declared()
        for name, spec in table.specs.items():
            graph.parameter(name, spec, network.dtype)
        total = graph.vectors["sum"]
        weight = graph.append(ops.reshape, (graph.vectors["weight"],), {"shape": ()})
        if self._summed:
            graph.update(REPLACE_GRADIENT, ["gradient"], [total])
        else:
            graph.update(MEAN_GRADIENT, ["gradient"], [total, weight])
        penalties = [_share(p, weight) if s else p for p, s in penalties_of(graph)]
        if penalties:
            names = [n for n in table.trained if table.specs[n].penalty is not None]
            penalty = reduce(add, penalties)
            slopes = gradients(graph, penalty, [graph.parameters[n] for n in names])
            for name, slope in zip(names, slopes, strict=True):
                flat = graph.append(ops.reshape, (slope,), {"shape": (-1,)})
                part = Part(table.part(name))
                graph.update(ADD_TO_VECTOR, ["gradient"], [flat], part=part)

        def parameters() -> dict[Value, Array]:
            views = table.views(engine.backend.xp, engine.state.params)
            return {value: views[name] for name, value in graph.parameters.items()}

        return VectorProgram(graph, engine.backend, self.vectors, network.dtype, parameters)

    def _declared(self) -> Graph:
        """A graph with the vectors."""
        graph = Graph()
        for name, vector in self.vectors.items():
            graph.vector(name, vector.shape[0], self._engine.network.dtype)
        return graph


def _share(penalty: Value, weight: Value) -> Value:
    """A penalty divided by the total weight; 0 where that is 0."""
    some = ops.minimum(weight * 1e30, 1)
    found: Value = penalty * some / ops.maximum(weight, 1e-30)
    return found
