"""Programs: the computation for a kind of batch, ready to be loaded with one and run.

They are planned where the backend has kernels with ``out=``, and interpreted elsewhere. Both
kinds are loaded, run and read alike.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from xpnet.backends import Backend, dtype_name
from xpnet.engine.batch_graph import BatchGraph, BatchSpec
from xpnet.engine.given_arrays import given_arrays
from xpnet.engine.state import TrainState
from xpnet.engine.step_inputs import StepInputs
from xpnet.graph import Arena, ParameterTable, Plan, Value, interpret
from xpnet.lowering import sweep
from xpnet.typing import Array, size_of

if TYPE_CHECKING:
    from xpnet.lowering.cpu.sweep import Sweep

__all__ = ["Found", "InterpretedProgram", "PlannedProgram", "Program", "batch_values"]

_MOVED = 1 << 16  # bytes from which a batch is read in place; copying fewer is as fast


class Program(Protocol):
    """The computation for a kind of batch.

    Attributes
    ----------
    batch_graph : BatchGraph
    results : array
        After a run: the numbers that the graph's `layout` names.
    flops : int
        Flops of the largest matrix product, where they are known.
    threads : int
        Threads that share it.
    """

    @property
    def batch_graph(self) -> BatchGraph: ...

    @property
    def results(self) -> Array: ...

    @property
    def flops(self) -> int: ...

    @property
    def threads(self) -> int: ...

    @property
    def borrowed(self) -> Sequence[Value]:
        """Inputs that are read in place from the data, until `release`."""

    def load(self, arrays: Sequence[Array], rows: slice) -> None:
        """Take these rows as the batch. Large ones may be read in place until `release`."""

    def release(self) -> None:
        """Stop reading the loaded arrays: they may soon be gone."""

    def gathers(self, arrays: Sequence[Array]) -> list[Callable[[Array], Any]]:
        """Functions that take the rows at an array of indices; call all of them."""

    def run(self) -> None:
        """Compute. In training, this sets the state's gradient and results to the batch's."""

    def commit(self) -> None:
        """Set the state's running statistics to the values of the last run."""

    def output(self) -> Array:
        """The network's output in the last run; the next run overwrites it."""


class PlannedProgram:
    """A program run by its plan: no allocation, no decision.

    Attributes
    ----------
    plan : Plan
    inputs : list of array
        The memory that holds the batch.
    staged : list of (array, array)
        Running statistics, and the memory of their next values.
    steps : tuple or None
        An update, and the program of whole steps with it; see `training.compiled_steps`.
    """

    def __init__(
        self,
        backend: Any,
        table: ParameterTable,
        state: TrainState,
        batch_graph: BatchGraph,
        arena: Arena,
        step: Mapping[Value, Array],
        spec: BatchSpec,
    ) -> None:
        self._backend, self.batch_graph, graph = backend, batch_graph, batch_graph.graph
        size = sum(size_of(value.shape) for value in batch_graph.results)
        self.results = backend.zeros((size,), dtype_name(state.params.dtype))
        given = {**given_arrays(backend, table, state, batch_graph, self.results), **step}
        self.plan = Plan(graph, backend, given, batch_graph.kept, arena, (), spec.threads)
        self.flops = 0 if spec.alone else self.plan.flops
        self.inputs = [self.plan.array(value) for value in graph.inputs]
        self.borrowed: list[Value] = []  # inputs that are read in place
        self.staged = [
            (table.view(backend.xp, state.params, name), given[value])
            for name, value in batch_graph.state.items()
        ]
        self.run = self.plan.run
        self.steps: tuple[Any, Any] | None = None

    def load(self, arrays: Sequence[Array], rows: slice) -> None:
        if self.borrowed:
            self.release()
        for value, array, own in zip(
            self.batch_graph.graph.inputs, arrays, self.inputs, strict=True
        ):
            if array is None:
                continue
            part = array[rows]
            if part.nbytes > _MOVED:
                self.borrowed.append(value)  # first, so that `release` knows it after a signal
                if self.plan.read_from(value, part):
                    continue
                self.borrowed.pop()
            self._backend.write(own, part)

    def release(self) -> None:
        while self.borrowed:
            value = self.borrowed[-1]
            self.plan.read_from(value, self.plan.array(value))
            self.borrowed.pop()

    def gathers(self, arrays: Sequence[Array]) -> list[Callable[[Array], Any]]:
        return [self._backend.gather(*pair) for pair in zip(arrays, self.inputs, strict=True)]

    @property
    def threads(self) -> int:
        return max((getattr(call, "parts", 1) for call in self.plan.calls), default=1)

    def commit(self) -> None:
        for own, staged in self.staged:
            self._backend.write(own, staged)

    def output(self) -> Array:
        return self.plan.array(self.batch_graph.predicted[0])

    @cached_property
    def sweep(self) -> "Sweep | None":
        """The program over many batches in a row; None if it is not compiled as a whole.

        Read it first while no data are borrowed and the engine's lock is held.
        """
        return sweep(self.plan.calls, [*self.inputs, self.output()])


class Found(NamedTuple):
    """What a batch's graph computes.

    Attributes
    ----------
    results : array or None
        The numbers that the graph's `layout` names.
    gradients, state : dict of str to array
        By parameter name.
    predicted : list of array
    """

    results: Array
    gradients: dict[str, Array]
    state: dict[str, Array]
    predicted: list[Array]


def batch_values(
    batch_graph: BatchGraph,
    backend: Backend,
    parameters: Mapping[str, Array],
    batch: Sequence[Array],
    number: Array,
    scheduled: Array,
) -> Found:
    """Every output of a batch's graph: a pure function of all that it reads."""
    made, graph, xp = batch_graph, batch_graph.graph, backend.xp
    feeds: dict[Value, Any] = dict(zip(graph.inputs, batch, strict=True))
    feeds |= {value: parameters[name] for name, value in graph.parameters.items()}
    feeds |= graph.step_values.feeds(number, scheduled)
    arrays = interpret(graph, xp, feeds, made.outputs, backend.device)
    found = dict(zip(made.outputs, arrays, strict=True))
    return Found(
        backend.joined(found[v] for v in made.results) if made.results else None,
        {name: found[value] for name, value in made.gradients.items()},
        {name: found[value] for name, value in made.state.items()},
        [found[value] for value in made.predicted],
    )


class InterpretedProgram:
    """A program run by the plain definitions, on any Array API library.

    If the library compiles whole functions, the program is compiled.

    Attributes
    ----------
    steps : tuple or None
        An update, and a compiled loop of steps with it; see `training.traced_steps`.
    sweep : callable or None
        A compiled loop over batches; see `engine.traced_sweep`.
    """

    flops, threads = 0, 1
    borrowed: Sequence[Value] = ()

    def __init__(
        self,
        backend: Backend,
        table: ParameterTable,
        state: TrainState,
        batch_graph: BatchGraph,
        step: StepInputs,
    ) -> None:
        self._backend, self._table, self._state, self._step = backend, table, state, step
        self.batch_graph, self.results = batch_graph, None
        self._batch: list[Array] = []
        self._found: Found | None = None
        self.steps: tuple[Any, Callable[..., Any]] | None = None
        self.sweep: Callable[..., Array] | None = None

    def load(self, arrays: Sequence[Array], rows: slice) -> None:
        whole = rows == slice(None)
        self._batch = [a if whole else self._backend.rows(a, rows) for a in arrays]

    def release(self) -> None:
        self._batch = []

    def gathers(self, arrays: Sequence[Array]) -> list[Callable[[Array], Any]]:
        def gather(index: Array) -> None:
            self._batch = [self._backend.take(array, index) for array in arrays]

        return [gather]

    def run(self) -> None:
        state, step = self._state, self._step
        given = state.params, self._batch, step.number, step.scheduled.array
        self._found, gradient = self._compute(*given)
        self.results = self._found.results
        if gradient is not None:
            planned = self._backend.planned  # an update's plan is bound to the vector
            own = self._backend.assign(state.gradient, gradient) if planned else gradient
            state.vectors["gradient"] = own

    @cached_property
    def _compute(self) -> Callable[..., tuple[Found, Array | None]]:
        return self._backend.compiled(self._computed)

    def _computed(
        self, params: Array, batch: Sequence[Array], number: Array, scheduled: Array
    ) -> tuple[Found, Array | None]:
        """The outputs of the graph, and the gradient as one vector: a pure function."""
        backend, table = self._backend, self._table
        views = table.views(backend.xp, params)
        found = batch_values(self.batch_graph, backend, views, batch, number, scheduled)
        if not found.gradients:
            return found, None
        return found._replace(gradients={}), table.flatten(backend, found.gradients)

    def commit(self) -> None:
        assert self._found is not None
        if self._found.state:
            params = self._committed(self._state.params, self._found.state)
            if self._backend.planned:
                params = self._backend.assign(self._state.params, params)
            self._state.vectors["params"] = params

    @cached_property
    def _committed(self) -> Callable[..., Array]:
        return self._backend.compiled(self._with_state)

    def _with_state(self, params: Array, new: Mapping[str, Array]) -> Array:
        """The parameters with these new running statistics: a pure function."""
        backend, table = self._backend, self._table
        return table.flatten(backend, {**table.views(backend.xp, params), **new})

    def output(self) -> Array:
        assert self._found is not None
        return self._found.predicted[0]
