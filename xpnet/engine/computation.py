"""What a program computes: a network's graph with loss, metrics, gradients and state behind it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from xpnet import ops
from xpnet.errors import ShapeError
from xpnet.graph import Graph, ParameterTable, Value, checked, distinct, gradients
from xpnet.nn import Metric
from xpnet.typing import Shape, size_of

__all__ = ["PENALTY", "WEIGHT", "Computation", "Spec"]

PENALTY = "penalty on parameters"
TOTAL = "loss and penalty"
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
        Numbers for people. The first is what is minimised: the loss, or with penalties the sum of
        both. Then loss, metrics, penalty and total weight; `layout` says which is where.
    layout : dict of str to slice
        Places of each one's numbers in the vector that all results make.
    gradients, state : dict of str to Value
        By the parameters' names.
    scale : Value or None
        A number given from outside, by which the gradients are multiplied.
    """

    graph: Graph
    predicted: list[Value] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)
    layout: dict[str, slice] = field(default_factory=dict)
    gradients: dict[str, Value] = field(default_factory=dict)
    state: dict[str, Value] = field(default_factory=dict)
    scale: Value | None = None

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
        scaled: bool = False,
    ) -> "Computation":
        """Append to a network's graph what the mode asks for; `measures` begin with the loss.

        If `scaled`, the loss is multiplied by `scale` before it is differentiated.
        """
        if spec.mode == "predict":
            return cls(graph, [output])
        made = cls(graph)
        target = graph.input("y", (spec.rows, *spec.target), spec.target_dtype)
        weights = graph.input("w", (spec.rows,), output.dtype) if spec.weighted else None
        found = {n: m.parts(output, target, spec.rows, weights) for n, m in measures.items()}
        penalty = _penalty(graph, spec.rows, weights)
        if penalty is not None:
            found = {TOTAL: [found["loss"][0] + penalty], **found, PENALTY: [penalty]}
        if weights is not None:
            found[WEIGHT] = [ops.sum(weights)]
        for name, values in found.items():
            made._append(name, values)
        if spec.mode == "train":
            wrt = [graph.parameters[name] for name in table.trained]
            loss = made.results[0]
            if scaled:
                made.scale = Value(graph, "scale", "loss scale", (), loss.dtype)
                loss = loss * made.scale
            slopes = gradients(graph, loss, wrt)
            made.gradients = dict(zip(table.trained, slopes, strict=True))
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


def _penalty(graph: Graph, rows: int, weights: Value | None) -> Value | None:
    """The sum of the penalties on trained parameters: each is one more fork."""
    total = None
    for name, value in graph.parameters.items():
        spec = graph.specs[name]
        if spec.penalty is None or not spec.trainable:
            continue
        found = checked(spec.penalty, spec.penalty(value))
        if found.shape != ():
            raise ShapeError(
                f"the penalty on {name!r} must be one number (shape ()), got shape {found.shape}: "
                "reduce it with xpnet.ops.sum."
            )
        if getattr(spec.penalty, "per_sample", False):
            found = _per_sample(found, rows, weights)
        total = found if total is None else total + found
    return total


def _per_sample(penalty: Value, rows: int, weights: Value | None) -> Value:
    """A penalty divided by the number of samples or their weight; 0 for a batch of weight 0."""
    if weights is None:
        return penalty / rows
    some = ops.weighted_mean(weights * 0 + 1, weights)  # 1, and 0 where all weights are 0
    share: Value = penalty * some / ops.maximum(ops.sum(weights), 1e-30)
    return share
