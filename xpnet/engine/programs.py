"""Programs: a computation that can be loaded with a batch and run.

Planned where the backend has kernels with ``out=``, interpreted elsewhere; both are loaded,
run and read alike.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from xpnet.backends import PlannedBackend
from xpnet.engine.computation import Computation
from xpnet.graph import Plan, interpret
from xpnet.typing import size_of

if TYPE_CHECKING:
    from xpnet.engine.network import Network

__all__ = ["InterpretedProgram", "PlannedProgram", "Program"]

_MOVED = 1 << 16  # bytes of a batch that are read where they are; fewer are copied as fast


class Program(Protocol):
    """A computation that can be loaded with a batch and run.

    Attributes
    ----------
    computation : Computation
    results : array
        After a run: the numbers that the computation's `layout` names.
    operations : int
        Floating-point operations of the largest matrix product, where they are known.
    """

    computation: Computation
    results: Any
    operations: int

    def load(self, arrays: Sequence[Any], index: Any) -> None:
        """Take the rows that `index` (an array, a slice) names as the batch."""

    def run(self) -> None:
        """Compute."""

    def commit(self) -> None:
        """Give the network's state, such as running means, the values that the last run made."""

    def output(self) -> Any:
        """The network's output of the last run, which the next run overwrites."""


class PlannedProgram:
    """A program run by its plan: no allocation, no decision.

    Attributes
    ----------
    plan : Plan
    places : list of array
        Where the batch is put.
    """

    def __init__(self, network: "Network", computation: Computation) -> None:
        backend = network.backend
        assert isinstance(backend, PlannedBackend)
        self._backend, self.computation = backend, computation
        self.results = backend.zeros((computation.size,), network.dtype)
        given = self._given(network)
        self.plan = Plan(computation.graph, backend, given, computation.predicted, network.arena)
        if computation.scale is not None and network.loss_scale is not None:
            self.plan.calls.append(network.loss_scale.unscaled(network.grads))
        self.operations = self.plan.operations
        self._lent: list[tuple[Any, Any]] = []  # inputs that are read from the data for one run
        self.places = [self.plan.array(value) for value in computation.graph.inputs]
        self._output = [self.plan.array(value) for value in computation.predicted]
        self._staged = [
            (network.table.view(backend.xp, network.params, name), given[value])
            for name, value in computation.state.items()
        ]

    def _given(self, network: "Network") -> dict[Any, Any]:
        """The memory outside the plan: the network's vectors, and the results."""
        graph, xp, table = self.computation.graph, self._backend.xp, network.table
        given = {v: table.view(xp, network.params, n) for n, v in graph.parameters.items()}
        if self.computation.scale is not None and network.loss_scale is not None:
            given[self.computation.scale] = network.loss_scale.scale
        if graph.step is not None:
            given[graph.step] = network.step
        start = 0
        for value in self.computation.results:
            stop = start + size_of(value.shape)
            given[value] = xp.reshape(self.results[start:stop], value.shape)
            start = stop
        for name, value in self.computation.gradients.items():
            given[value] = table.view(xp, network.grads, name)
        for value in self.computation.state.values():
            given[value] = self._backend.zeros(value.shape, network.dtype)
        return given

    def load(self, arrays: Sequence[Any], index: Any) -> None:
        self._return()  # what a run that was broken off left
        if isinstance(index, slice):
            inputs = self.computation.graph.inputs
            for value, array, place in zip(inputs, arrays, self.places, strict=True):
                part = array[index]
                if part.nbytes > _MOVED and self.plan.read_from(value, part):
                    self._lent.append((value, place))
                else:
                    self._backend.write(place, part)
        else:
            for array, place in zip(arrays, self.places, strict=True):
                self._backend.gather(array, index, place)

    def run(self) -> None:
        self.plan.run()
        self._return()

    def _return(self) -> None:
        """Read from the own places again: the data that were lent may soon be gone."""
        while self._lent:
            self.plan.read_from(*self._lent.pop())

    def commit(self) -> None:
        for place, value in self._staged:
            self._backend.write(place, value)

    def output(self) -> Any:
        return self._output[0]


class InterpretedProgram:
    """A program run by the plain definitions, on any Array API library."""

    def __init__(self, network: "Network", computation: Computation) -> None:
        self._network, self.computation, self.operations = network, computation, 0
        self.results: Any = None
        self._batch: list[Any] = []
        self._found: dict[Any, Any] = {}

    def load(self, arrays: Sequence[Any], index: Any) -> None:
        take = self._network.backend.take
        self._batch = [
            a[index, ...] if isinstance(index, slice) else take(a, index) for a in arrays
        ]

    def run(self) -> None:
        network, xp, made = self._network, self._network.backend.xp, self.computation
        feeds = dict(zip(made.graph.inputs, self._batch, strict=True))
        for name, value in made.graph.parameters.items():
            feeds[value] = network.table.view(xp, network.params, name)
        if made.graph.step is not None:
            feeds[made.graph.step] = network.step
        arrays = interpret(made.graph, xp, feeds, made.outputs, network.backend.device)
        self._found = dict(zip(made.outputs, arrays, strict=True))
        if made.results:
            self.results = xp.concat([xp.reshape(self._found[v], (-1,)) for v in made.results])
        if made.gradients:
            network.grads = network.table.flatten(xp, self._named(made.gradients))

    def _named(self, values: dict[str, Any]) -> dict[str, Any]:
        return {name: self._found[value] for name, value in values.items()}

    def commit(self) -> None:
        network, xp = self._network, self._network.backend.xp
        if self.computation.state:
            arrays = network.table.views(xp, network.params) | self._named(self.computation.state)
            network.params = network.table.flatten(xp, arrays)

    def output(self) -> Any:
        return self._found[self.computation.predicted[0]]
