"""The update: an optimizer's rules, the constraints and the average as one graph on vectors."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from xpnet.backends import Backend
from xpnet.engine.state import TrainState
from xpnet.engine.vector_program import VectorProgram
from xpnet.errors import ArgumentError
from xpnet.graph import Graph, ParameterTable, Part, Value
from xpnet.lowering import shares
from xpnet.ops.loss_scale import COPY_IF_OVERFLOW, NEXT_SCALE
from xpnet.ops.record import Update as Rule
from xpnet.ops.vector_rules import FLUSH
from xpnet.optim import Link, Optimizer
from xpnet.typing import Array, Namespace

__all__ = ["UpdateProgram", "flush_graph", "slot_names", "update_graph"]

FLUSH_EVERY = 32  # updates
_ELEMENTS = 4096  # of a vector that count as one of the rows that threads share
_TINY = {"float32": 1e-30, "float64": 1e-200}  # far above the denormals, far below any effect


# --- the graphs -----------------------------------------------------------------------------------


def update_graph(
    optimizer: Optimizer, table: ParameterTable, dtype: str, scaled: bool = False
) -> Graph:
    """The rules in order of application: the chain, the constraints, the average.

    If the loss was `scaled`, a step that overflowed changes only the loss scale.
    """
    graph, links = Graph(), [*optimizer.chain(), *optimizer.averaging()]
    slots = slot_names(optimizer)
    graph.vector("params", table.size, dtype)
    for name in ["gradient", *slots]:
        graph.vector(name, table.trainable, dtype)
    if scaled:
        _hold(graph, ["params", *slots], table.trainable, dtype)
    numbers = {
        name: graph.input(name, (), dtype)
        for name in dict.fromkeys(n for link in links for n in link.update.coefficients)
    }
    for link in optimizer.chain():
        _append(graph, table, link, numbers)
    for name in table.trained:
        _constrain(graph, table, name)
    for link in optimizer.averaging():
        _append(graph, table, link, numbers)
    if scaled:
        _put_back(graph, ["params", *slots], Part(slice(0, table.trainable)))
    return graph


def slot_names(optimizer: Optimizer) -> list[str]:
    """Names of the vectors that an optimizer keeps."""
    links = [*optimizer.chain(), *optimizer.averaging()]
    return [*dict.fromkeys(name for link in links for name in link.update.slots)]


def _hold(graph: Graph, names: Sequence[str], length: int, dtype: str) -> None:
    """Copy these vectors if the step overflowed, before anything changes them."""
    graph.vector("loss_scale", 4, dtype)
    scale = graph.vectors["loss_scale"]
    for name in names:
        graph.vector(f"kept.{name}", length, dtype)
        graph.update(COPY_IF_OVERFLOW, [f"kept.{name}"], [graph.vectors[name], scale])


def _put_back(graph: Graph, names: Sequence[str], part: Part) -> None:
    """Undo a step that overflowed, and compute the next scale."""
    scale = graph.vectors["loss_scale"]
    for name in names:
        kept = graph.assignments[f"kept.{name}"]
        graph.update(COPY_IF_OVERFLOW, [name], [kept, scale], part=part)
    graph.update(NEXT_SCALE, ["loss_scale"])


def _append(graph: Graph, table: ParameterTable, link: Link, numbers: dict[str, Value]) -> None:
    """Apply a link to the vectors, as a whole or part by part."""
    rule, end = link.update, table.decayed if link.weights_only else table.trainable
    parts = [slice(0, end)]
    if link.per_parameter:
        parts = [p for p in map(table.part, table.trained) if p.stop <= end]
    given = [numbers[name] for name in rule.coefficients]
    for part in parts:
        graph.update(rule, rule.vectors, given, link.static, Part(part))


def _constrain(graph: Graph, table: ParameterTable, name: str) -> None:
    """Apply a parameter's constraint, if it has one."""
    spec = table.specs[name]
    if spec.constraint is None:
        return
    op = spec.constraint.op

    def project(xp: Namespace, p: Array, **static: Any) -> tuple[Array]:
        return (op.fn(xp, p, **static),)

    rule = Rule(f"constraint {op.name}", project, changes=("params",))
    part = Part(table.part(name), spec.shape)
    graph.update(rule, rule.vectors, static=spec.constraint.static, part=part)


def flush_graph(slots: Iterable[str], length: int, dtype: str) -> Graph:
    """Set numbers in the slots to 0 if they are too small to matter.

    The slot of a unit without gradient decays by beta in each step until it is denormal, and a
    CPU computes with denormal numbers about forty times slower.
    """
    graph = Graph()
    for name in slots:
        graph.vector(name, length, dtype)
        graph.update(FLUSH, [name], static={"below": _TINY[dtype]})
    return graph


# --- running --------------------------------------------------------------------------------------


class UpdateProgram:
    """An optimizer's update of the vectors of a state.

    Parameters
    ----------
    optimizer : Optimizer
    table : ParameterTable
    backend : Backend
    state : TrainState
        Holds the optimizer's vectors; see `slot_names`.
    dtype : str

    Attributes
    ----------
    graph : Graph
        The rules of the update.
    names : list of str
        The names of the numbers that its rules read.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        table: ParameterTable,
        backend: Backend,
        state: TrainState,
        dtype: str,
    ) -> None:
        self.optimizer, self._backend, self._state, self._dtype = optimizer, backend, state, dtype
        self.graph = update_graph(optimizer, table, dtype, state.loss_scale is not None)
        self._threads = self._shares(None)
        self.names = [value.name for value in self.graph.inputs]

    def _shares(self, threads: int | None) -> int:
        """How many threads share an update; at most `threads`."""
        length = self._state.gradient.shape[0]
        return shares(self._backend, threads, length // _ELEMENTS, float("inf"))

    def share(self, threads: int | None) -> None:
        """Share updates among at most this many threads; see `Model.fit`."""
        found = self._shares(threads)
        if found != self._threads:
            self._threads = found
            vars(self).pop("rules", None)
            vars(self).pop("flush", None)

    def run(self, learning_rate: float) -> None:
        """Update the parameters with the gradient, whose vector may be overwritten."""
        state, rules, flush = self._state, self.rules, self.flush
        state.updates += 1
        values = self.optimizer.coefficients(learning_rate, state.updates)
        numbers = tuple(map(values.__getitem__, self.names))
        if numbers != rules.written:
            rules.write(numbers)
        rules.run()
        if flush is not None and state.updates % FLUSH_EVERY == 0:
            flush.run()

    # Bound on first use: a model that only predicts is ready sooner.

    @cached_property
    def rules(self) -> VectorProgram:
        """The program of an update."""
        vectors = self._state.vectors
        return VectorProgram(
            self.graph,
            self._backend,
            vectors,
            self._dtype,
            spare=["gradient"],
            threads=self._threads,
        )

    @cached_property
    def flush(self) -> VectorProgram | None:
        """The program that flushes denormals; None where they cost nothing."""
        if not self._backend.denormals_cost:
            return None
        length = self._state.gradient.shape[0]
        graph = flush_graph(self._state.slots, length, self._dtype)
        return VectorProgram(
            graph, self._backend, self._state.vectors, self._dtype, threads=self._threads
        )

    # --- many steps ahead ---------------------------------------------------------------------

    def ahead(self, learning_rates: Iterable[float]) -> list[list[float]]:
        """The numbers that the next updates read, one row per learning rate."""
        steps = enumerate(learning_rates, self._state.updates + 1)
        found = [self.optimizer.coefficients(rate, step) for step, rate in steps]
        return [[values[name] for name in self.names] for values in found]

    def passed(self, steps: int) -> None:
        """Note that the rules' calls made this many updates, with numbers from `ahead`."""
        self._state.updates += steps
        self.rules.written = ()

    def average(self) -> Array:
        """The running average of the trained parameters, as a new flat vector.

        Raises
        ------
        ArgumentError
            If the optimizer keeps none.
        """
        decay, state = self.optimizer.average_decay, self._state
        if decay is None:
            raise ArgumentError(
                "the optimizer keeps no average of the parameters: give it one, such as "
                f"xpnet.{type(self.optimizer).__name__}(average_decay=0.99)."
            )
        if state.updates == 0:
            return self._backend.copy(state.params[: state.gradient.shape[0]])
        return state.vectors["average"] / (1 - decay**state.updates)
