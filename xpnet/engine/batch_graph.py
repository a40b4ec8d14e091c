"""The computation for a batch: the network's graph with loss, metrics, gradients and state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Self

from xpnet import ops
from xpnet.backends import dtype_name
from xpnet.data.arrays import Data
from xpnet.engine.network import Network
from xpnet.engine.sparse_product import SparseProduct, split_product
from xpnet.errors import ShapeError
from xpnet.graph import Graph, Share, Value, checked, distinct, gradients
from xpnet.nn import Metric
from xpnet.ops.loss_scale import UNSCALE
from xpnet.ops.vector_rules import JOIN_GRADIENT
from xpnet.typing import Array, Shape, size_of

__all__ = ["PENALTY", "SHARED", "WEIGHT", "BatchGraph", "BatchSpec", "penalties_of"]

PENALTY = "penalty on parameters"
SHARED = "penalty shared among the samples"  # not divided yet if a step has several batches
TOTAL = "loss and penalty"
WEIGHT = "total weight"  # of a batch's samples, among the results; no metric has this name


@dataclass(frozen=True)
class BatchSpec:
    """A computation and its kind of batch: the key of an engine's programs.

    ``mode`` is ``"predict"`` (the output), ``"evaluate"`` (loss and metrics), ``"train"`` (these,
    the gradient, and the state that changes) or ``"accumulate"`` (as ``"train"``, but the gradient
    is that of the loss without the penalties). For a `share` of a batch, the gradient is that of
    the loss times the batch weight, so that the gradients of all shares are added. ``target`` is
    the shape of one sample's target. ``sparse`` inputs are multiplied by the first weight
    beforehand. ``threads`` share the computation; if ``alone``, products use no other threads
    either.
    """

    mode: str
    rows: int
    target: Shape = ()
    target_dtype: str = ""
    weighted: bool = False
    threads: int = 1
    alone: bool = False
    sparse: bool = False
    share: Share | None = None

    @classmethod
    def of(cls, mode: str, rows: int, data: Data, threads: int = 1, alone: bool = False) -> Self:
        """The specification for batches of these data."""
        if data.y is None:
            return cls(mode, rows, threads=threads, alone=alone, sparse=data.sparse)
        shape, dtype = tuple(data.y.shape[1:]), dtype_name(data.y.dtype)
        weighted = data.w is not None
        return cls(mode, rows, shape, dtype, weighted, threads, alone, data.sparse)


@dataclass
class BatchGraph:
    """A graph, and the names of its outputs.

    Attributes
    ----------
    graph : Graph
    predicted : list of Value
        The network's output in mode ``"predict"``, else empty.
    results : list of Value
        The reported numbers. The first is the objective: the loss, plus the penalties if there
        are any. Then come loss, metrics, penalty and total weight; see `layout`.
    layout : dict of str to slice
        Positions of each result's numbers in the vector of all results.
    gradients, state : dict of str to Value
        By parameter name.
    scale : Value or None
        An input number that multiplies the loss, and with it these gradients.
    product : SparseProduct or None
        The product of sparse inputs and a weight. Its part of that weight's gradient is not among
        `gradients`.
    """

    graph: Graph
    predicted: list[Value] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)
    layout: dict[str, slice] = field(default_factory=dict)
    gradients: dict[str, Value] = field(default_factory=dict)
    state: dict[str, Value] = field(default_factory=dict)
    scale: Value | None = None
    product: SparseProduct | None = None

    @classmethod
    def of(cls, network: Network, spec: BatchSpec, scaled: bool = False) -> Self:
        """Trace the network, and append to its graph what the mode needs.

        If `scaled`, the loss is multiplied by `scale` before it is differentiated. The graph then
        has the vectors ``"gradient"``, which holds the gradients divided by the scale, and
        ``"loss_scale"``, which records an overflow.
        """
        training = spec.mode in ("train", "accumulate")
        graph, output = network.trace(spec.rows, training, spec.share)
        product = split_product(graph) if spec.sparse else None
        if spec.mode == "predict":
            return cls(graph, [output], product=product)
        made = cls(graph, product=product)
        loss, total = made._measure(network.measures, spec, output)
        if spec.mode != "evaluate":
            objective = total if spec.mode == "train" else loss
            if spec.share is not None and network.loss.reduction == "mean":
                objective = objective * made._weight(spec)
            made._differentiate(network, objective, scaled)
        made._distinct()
        if made.scale is not None:
            made._unscale(network, made.scale.dtype)
        return made

    @property
    def outputs(self) -> list[Value]:
        """All outputs, each once."""
        return [*self.predicted, *self.results, *self.gradients.values(), *self.state.values()]

    @property
    def kept(self) -> list[Value]:
        """What is read after a run, besides results, gradients and state."""
        slope = None if self.product is None else self.product.slope
        return self.predicted if slope is None else [*self.predicted, slope]

    @property
    def size(self) -> int:
        """Number of elements in all results."""
        return sum(size_of(value.shape) for value in self.results)

    def _weight(self, spec: BatchSpec) -> Value | float:
        """What the gradient of a mean is multiplied by: the number of samples, or their weight."""
        return ops.sum(self.graph.inputs[-1]) if spec.weighted else float(spec.rows)

    def rows_and_weight(self, results: Array) -> tuple[int, float]:
        """The number of samples, and their weight in these results."""
        rows = int(self.graph.inputs[0].shape[0])
        known = self.layout.get(WEIGHT)
        return rows, float(rows if known is None else results[known][0])

    def _measure(
        self, measures: Mapping[str, Metric], spec: BatchSpec, output: Value
    ) -> tuple[Value, Value]:
        """Append loss, metrics and penalties; return the loss without and with penalties."""
        graph = self.graph
        target = graph.input("y", (spec.rows, *spec.target), spec.target_dtype)
        weights = graph.input("w", (spec.rows,), output.dtype) if spec.weighted else None
        found = {n: m.parts(output, target, spec.rows, weights) for n, m in measures.items()}
        loss = found["loss"][0]
        total = loss
        penalties = penalties_of(graph)
        if penalties:
            penalty = _sum([_per_sample(p, spec.rows, weights) if s else p for p, s in penalties])
            total = loss + penalty
            found = {TOTAL: [total], **found}
            if spec.mode == "accumulate":
                for name, shared in ((PENALTY, False), (SHARED, True)):
                    some = [p for p, s in penalties if s == shared]
                    found |= {name: [_sum(some)]} if some else {}
            else:
                found[PENALTY] = [penalty]
        if weights is not None:
            found[WEIGHT] = [ops.sum(weights)]
        for name, values in found.items():
            start = self.size
            self.results += values
            self.layout[name] = slice(start, self.size)
        return loss, total

    def _differentiate(self, network: Network, loss: Value, scaled: bool) -> None:
        """Append the gradient of each trained parameter, and the next state."""
        if scaled:
            self.scale = Value(self.graph, "scale", "loss scale", (), loss.dtype)
            loss = loss * self.scale
        trained, product = network.table.trained, self.product
        wrt = {name: self.graph.parameters[name] for name in trained}
        if product is not None and product.weight in wrt:
            if product.is_all_of(self.graph, loss):
                del wrt[product.weight]
            *slopes, product.slope = gradients(self.graph, loss, [*wrt.values(), product.value])
        else:
            slopes = gradients(self.graph, loss, [*wrt.values()])
        self.gradients = dict(zip(wrt, slopes, strict=True))
        self.state = {n: v for n, v in self.graph.assignments.items() if n in network.table.specs}

    def _distinct(self) -> None:
        """Give each output its own value."""
        fresh = iter(distinct(self.outputs))
        self.results = [next(fresh) for _ in self.results]
        self.gradients = {name: next(fresh) for name in self.gradients}
        self.state = {name: next(fresh) for name in self.state}

    def _unscale(self, network: Network, dtype: str) -> None:
        """Append the gradient vector, divided by the scale."""
        graph, table = self.graph, network.table
        graph.vector("gradient", table.trainable, dtype)
        graph.vector("loss_scale", 4, dtype)
        names = sorted(self.gradients, key=table.offsets.__getitem__)
        graph.update(JOIN_GRADIENT, ["gradient"], [self.gradients[name] for name in names])
        graph.update(UNSCALE, ["gradient", "loss_scale"])


def _sum(values: Sequence[Value]) -> Value:
    return reduce(add, values)


def _per_sample(penalty: Value, rows: int, weights: Value | None) -> Value:
    """A penalty divided by the number of samples or their weight; 0 for a batch of weight 0."""
    if weights is None:
        return penalty / rows
    some = ops.weighted_mean(weights * 0 + 1, weights)  # 1, and 0 where all weights are 0
    share: Value = penalty * some / ops.maximum(ops.sum(weights), 1e-30)
    return share


def penalties_of(graph: Graph) -> list[tuple[Value, bool]]:
    """The penalties on trained parameters; each is one more fork.

    Each comes with whether it is shared among a step's samples: divided by their number or weight.
    """
    penalties = []
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
        penalties.append((found, getattr(spec.penalty, "per_sample", False)))
    return penalties
