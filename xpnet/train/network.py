"""A network on a backend: its flat state, and one compiled program for each shape of batch.

    batch -> forward -> loss -> backward -> gradient vector -> update -> parameter vector

A program is planned where the backend has kernels with ``out=``, and interpreted elsewhere;
both are loaded with a batch, run, and read alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from xpnet import ops
from xpnet.backends import Backend
from xpnet.backends.base import PlannedBackend
from xpnet.errors import GraphError, ShapeError
from xpnet.graph import (
    Arena,
    Graph,
    ParameterTable,
    Plan,
    Value,
    checked,
    distinct,
    gradients,
    initialise,
    interpret,
    trace,
)
from xpnet.nn import LayerLike, Loss, mean_over_samples
from xpnet.train.arrays import cast, check_finite, to_backend
from xpnet.typing import Shape

__all__ = ["LossFunction", "Network", "PlannedProgram", "Program", "Spec"]

_PROGRAMS = 32  # compiled programs that a network keeps; the least used goes first
_ROWS = 7  # samples in the trace that finds the parameters; any number would do
LossFunction = Callable[[Value, Value], Value]


@dataclass(frozen=True)
class Spec:
    """What a program computes, and on what: its key among a network's programs.

    ``mode`` is ``"predict"`` (the output), ``"evaluate"`` (loss and metrics) or ``"train"``
    (these and the gradient). ``target`` is the shape of one sample's target.
    """

    mode: str
    rows: int
    target: Shape = ()
    target_dtype: str = ""
    weighted: bool = False


class Program(Protocol):
    """A graph that can be loaded with a batch and run.

    Attributes
    ----------
    results : array
        After a run: loss, metrics and, with sample weights, the batch's total weight.
    """

    results: Any

    def load(self, arrays: Sequence[Any], index: Any) -> None:
        """Take the rows that `index` (an array, a slice) names as the batch."""

    def run(self) -> None:
        """Compute."""

    def output(self) -> Any:
        """The network's output of the last run, which the next run overwrites."""


class PlannedProgram:
    """A program run by its plan: no allocation, no decision."""

    def __init__(self, network: "Network", spec: Spec, graph: Graph, outputs: list[Value]) -> None:
        backend = network.backend
        assert isinstance(backend, PlannedBackend)
        self._backend, table, xp = backend, network.table, backend.xp
        given = {
            value: table.view(xp, network.params, name) for name, value in graph.parameters.items()
        }
        scalars = [] if spec.mode == "predict" else outputs[: network.result_count(spec)]
        self.results = backend.zeros((len(scalars),), network.dtype)
        for position, value in enumerate(scalars):
            given[value] = backend.xp.reshape(self.results[position : position + 1], ())
        for name, value in zip(graph.parameters, outputs[len(scalars) :], strict=False):
            if spec.mode == "train":
                given[value] = table.view(xp, network.grads, name)
        kept = outputs if spec.mode == "predict" else []
        self.plan = Plan(graph, backend, given, kept, network.arena)
        self._places = [self.plan.array(value) for value in graph.inputs]
        self._output = self.plan.array(outputs[0])

    def load(self, arrays: Sequence[Any], index: Any) -> None:
        if isinstance(index, slice):
            for array, place in zip(arrays, self._places, strict=True):
                self._backend.write(place, array[index])
        else:
            for array, place in zip(arrays, self._places, strict=True):
                self._backend.gather(array, index, place)

    def run(self) -> None:
        self.plan.run()

    def output(self) -> Any:
        return self._output


class InterpretedProgram:
    """A program run by the plain definitions, on any Array API library."""

    def __init__(self, network: "Network", spec: Spec, graph: Graph, outputs: list[Value]) -> None:
        self._network, self._spec = network, spec
        self._graph, self._outputs = graph, outputs
        self.results: Any = None
        self._batch: list[Any] = []

    def load(self, arrays: Sequence[Any], index: Any) -> None:
        take = self._network.backend.take
        self._batch = [
            a[index, ...] if isinstance(index, slice) else take(a, index) for a in arrays
        ]

    def run(self) -> None:
        network, xp = self._network, self._network.backend.xp
        feeds = dict(zip(self._graph.inputs, self._batch, strict=True))
        for name, value in self._graph.parameters.items():
            feeds[value] = network.table.view(xp, network.params, name)
        device = network.backend.device
        found = interpret(self._graph, xp, feeds, self._outputs, device)
        self._found = found[0]
        if self._spec.mode == "predict":
            return
        count = network.result_count(self._spec)
        self.results = xp.stack(found[:count])
        if self._spec.mode == "train":
            named = dict(zip(self._graph.parameters, found[count:], strict=True))
            network.grads = network.table.flatten(xp, named)

    def output(self) -> Any:
        return self._found


class Network:
    """A traced network with its parameters and gradients, each one flat vector.

    Parameters
    ----------
    layer : callable
        The network, a function of one symbolic value.
    loss : Loss
    metrics : dict of str to callable
    backend : Backend
    dtype : str
    seed : int
    features : tuple of int
        Shape of one sample.
    """

    def __init__(
        self,
        layer: LayerLike,
        loss: Loss,
        metrics: dict[str, LossFunction],
        backend: Backend,
        dtype: str,
        seed: int,
        features: Shape,
    ) -> None:
        self.layer, self.loss, self.metrics = layer, loss, metrics
        self.backend, self.dtype, self.features, self.seed = backend, dtype, features, seed
        self.graph, made = trace(layer, [("x", (_ROWS, *features), dtype)])
        output = made.shape
        if output[:1] != (_ROWS,):
            raise ShapeError(
                f"the network must keep one row a sample: of {_ROWS} samples it made an output of "
                f"shape {output}."
            )
        self.output_shape = output[1:]
        self.table = ParameterTable.of(self.graph)
        if not self.table.specs:
            raise GraphError("the network has no parameters, so there is nothing to train.")
        start = initialise(self.graph, backend, dtype, seed)
        self.params = self.table.flatten(backend.xp, start)
        self.grads = backend.zeros((self.table.size,), dtype)
        self.arena = Arena(backend) if isinstance(backend, PlannedBackend) else None
        self._programs: dict[Spec, Program] = {}

    def set_params(self, params: Any) -> None:
        """Set the flat parameter vector."""
        if isinstance(self.backend, PlannedBackend):
            self.backend.write(self.params, params)
        else:
            self.params = self.backend.copy(params)

    def load(self, arrays: Mapping[str, Any]) -> None:
        """Set the parameters from arrays by name, of any library, after checking all."""
        names = {name: f"parameter {name!r}" for name in arrays}
        found = {name: to_backend(names[name], a, self.backend) for name, a in arrays.items()}
        self.table.check(found, {name: a.shape for name, a in found.items()})
        typed = {name: cast(a, self.backend, self.dtype) for name, a in found.items()}
        for name, a in typed.items():
            check_finite(names[name], a, self.backend)
        self.set_params(self.table.flatten(self.backend.xp, typed))

    def clone(self) -> "Network":
        """A network with memory of its own and the same parameters."""
        copy = Network(
            self.layer,
            self.loss,
            self.metrics,
            self.backend,
            self.dtype,
            self.seed,
            self.features,
        )
        copy.set_params(self.params)
        return copy

    def result_count(self, spec: Spec) -> int:
        """How many numbers a program's `results` hold."""
        return 1 + len(self.metrics) + spec.weighted

    def program(self, spec: Spec) -> Program:
        """The program for this kind of batch, compiled when it is first asked for."""
        program = self._programs.pop(spec, None) or self._compile(spec)
        self._programs[spec] = program  # last in the order in which they were used
        if len(self._programs) > _PROGRAMS:
            self._programs.pop(next(iter(self._programs)))
        return program

    def _compile(self, spec: Spec) -> Program:
        graph, outputs = self.trace(spec)
        if self.arena is None:
            return InterpretedProgram(self, spec, graph, outputs)
        memory = self.arena.memory
        program = PlannedProgram(self, spec, graph, outputs)
        if self.arena.memory is not memory:
            self._programs.clear()  # they would keep the smaller memory alive
        return program

    def trace(self, spec: Spec) -> tuple[Graph, list[Value]]:
        """The graph of a program, and its outputs: results, then gradients."""
        graph, output = trace(self.layer, [("x", (spec.rows, *self.features), self.dtype)])
        if {n: s.shape for n, s in graph.specs.items()} != self.table.shapes:
            raise GraphError(
                f"traced again, the network has the parameters {', '.join(graph.specs)}, before it "
                f"had {', '.join(self.table.specs)}: it must make the same layers at every call."
            )
        if spec.mode == "predict":
            return graph, [output]
        target = graph.input("y", (spec.rows, *spec.target), spec.target_dtype)
        weights = graph.input("w", (spec.rows,), self.dtype) if spec.weighted else None
        means = []
        for name, function in [(self.loss.name, self.loss.function), *self.metrics.items()]:
            values = checked(function, function(output, target))
            means.append(mean_over_samples(name, values, spec.rows, weights))
        if weights is not None:
            means.append(ops.sum(weights))
        if spec.mode == "train":
            means += gradients(graph, means[0], list(graph.parameters.values()))
        return graph, distinct(means)
