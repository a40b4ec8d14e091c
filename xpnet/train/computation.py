"""What a program computes: a network's graph with loss, metrics, gradients and state behind it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from xpnet import ops
from xpnet.graph import Graph, ParameterTable, Value, checked, distinct, gradients
from xpnet.nn import Metric
from xpnet.typing import Shape, size_of

__all__ = ["WEIGHT", "Computation", "Spec"]

WEIGHT = "total weight"  # of a batch's samples, among the results; no metric is called so


@dataclass(frozen=True)
class Spec:
    """What a program computes, and on what: its key among a network's programs.

    ``mode`` is ``"predict"`` (the output), ``"evaluate"`` (loss and metrics) or ``"train"``
    (these, the gradient, and the state that changes). ``target`` is the shape of one sample's
    target.
    """

    mode: str
    rows: int
    target: Shape = ()
    target_dtype: str = ""
    weighted: bool = False


@dataclass
class Computation:
    """A graph, and by what names its outputs go.

    Attributes
    ----------
    graph : Graph
    predicted : list of Value
        The network's output, in mode ``"predict"``; else nothing.
    results : list of Value
        Numbers for people: loss, metrics, total weight; `layout` says which is where.
    layout : dict of str to slice
        Places of each one's numbers in the vector that all results make.
    gradients, state : dict of str to Value
        By the parameters' names.
    """

    graph: Graph
    predicted: list[Value] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)
    layout: dict[str, slice] = field(default_factory=dict)
    gradients: dict[str, Value] = field(default_factory=dict)
    state: dict[str, Value] = field(default_factory=dict)

    @property
    def outputs(self) -> list[Value]:
        """All of them, each once."""
        return [*self.predicted, *self.results, *self.gradients.values(), *self.state.values()]

    @property
    def size(self) -> int:
        """How many numbers the results are."""
        return sum(size_of(value.shape) for value in self.results)

    @classmethod
    def of(
        cls,
        spec: Spec,
        graph: Graph,
        output: Value,
        measures: Mapping[str, Metric],
        table: ParameterTable,
    ) -> "Computation":
        """Append to a network's graph what the mode asks for; `measures` begin with the loss."""
        if spec.mode == "predict":
            return cls(graph, [output])
        made = cls(graph)
        target = graph.input("y", (spec.rows, *spec.target), spec.target_dtype)
        weights = graph.input("w", (spec.rows,), output.dtype) if spec.weighted else None
        for name, measure in measures.items():
            made._append(name, measure.parts(output, target, spec.rows, weights))
        if weights is not None:
            made._append(WEIGHT, [ops.sum(weights)])
        made.results[0] = _penalised(graph, made.results[0])
        if spec.mode == "train":
            wrt = [graph.parameters[name] for name in table.trained]
            found = gradients(graph, made.results[0], wrt)
            made.gradients = dict(zip(table.trained, found, strict=True))
            made.state = dict(graph.assignments)
        return made._distinct()

    def _append(self, name: str, values: list[Value]) -> None:
        start = self.size
        self.results += values
        self.layout[name] = slice(start, self.size)

    def _distinct(self) -> "Computation":
        """The same with a value of its own for each output."""
        fresh = iter(distinct(self.outputs))
        self.results = [next(fresh) for _ in self.results]
        self.gradients = {name: next(fresh) for name in self.gradients}
        self.state = {name: next(fresh) for name in self.state}
        return self


def _penalised(graph: Graph, loss: Value) -> Value:
    """The loss and the penalties on the parameters: each is one more fork."""
    for name, value in graph.parameters.items():
        spec = graph.specs[name]
        if spec.penalty is not None and spec.trainable:
            loss = loss + checked(spec.penalty, spec.penalty(value))
    return loss
