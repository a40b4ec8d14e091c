"""A network, traced: its parameters, its output, and its graph for any batch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from xpnet.engine.config import ModelConfig
from xpnet.engine.sparse_product import check_begins_with_product
from xpnet.errors import ArgumentError, GraphError, ShapeError, in_brief
from xpnet.graph import Graph, ParameterTable, Share, Value, above, trace, under_any
from xpnet.nn import LayerLike, Loss, Metric, loss_metric
from xpnet.typing import Shape, size_of

__all__ = ["Network"]

_ROWS = 7  # samples in the trace that finds the parameters; any number would do


@dataclass(frozen=True, eq=False)
class Network:
    """A network whose sample shape is known, traced; it holds no parameter values.

    Attributes
    ----------
    net : callable
        The network, a function of one symbolic value.
    loss : Loss
    measures : dict of str to Metric
        The loss, then the metrics.
    dtype : str
    seed : int
    frozen : tuple of str
        Dotted names of layers and parameters that are not trained.
    features, output_shape : tuple of int
        Shapes of one sample and of its output.
    graph : Graph
        The graph of a prediction.
    table : ParameterTable
    """

    net: LayerLike
    loss: Loss
    measures: dict[str, Metric]
    dtype: str
    seed: int
    frozen: tuple[str, ...]
    features: Shape
    output_shape: Shape
    graph: Graph
    table: ParameterTable

    @classmethod
    def of(cls, config: ModelConfig, features: Shape) -> Self:
        """Trace the network of a model.

        Raises
        ------
        ShapeError, GraphError, ArgumentError
            If it does not keep one row per sample, nothing is left to train, or a frozen name is
            unknown.
        """
        measures = {"loss": loss_metric(config.loss), **config.measures}
        declared = [("x", (_ROWS, *features), config.dtype)]
        graph, made = trace(config.net, declared, seed=config.seed, frozen=config.frozen)
        if made.shape[:1] != (_ROWS,):
            raise ShapeError(
                f"the network must keep one row per sample: for {_ROWS} samples it made an output "
                f"of shape {made.shape}."
            )
        network = cls(
            config.net,
            config.loss,
            measures,
            config.dtype,
            config.seed,
            config.frozen,
            features,
            made.shape[1:],
            graph,
            ParameterTable.of(graph),
        )
        network._check_trainable()
        network._check_observed()
        return network

    def multiplied(self, sparse: bool) -> int:
        """How many parameters compute with dense arrays, for inputs that may be sparse."""
        size = self.table.size
        if not sparse:
            return size
        return size - size_of(check_begins_with_product("X", self.graph).inputs[1].shape)

    @property
    def data_driven(self) -> tuple[str, ...]:
        """Names of the parameters whose initial values depend on data."""
        return tuple(n for n, spec in self.table.specs.items() if hasattr(spec.init, "fitted"))

    def _check_observed(self) -> None:
        """Raise unless the layers show what initial values that depend on data need."""
        for name in self.data_driven:
            seen = self.graph.scope.observed.get(name)
            if seen is None or seen.kind != "node":
                raise ArgumentError(
                    f"the initializer {self.table.specs[name].init!r} depends on data, but the "
                    f"layer does not show what it computes with {in_brief(name)}: call "
                    "self.observe(parameter, result) in its forward, or use another initializer."
                )

    def _check_trainable(self) -> None:
        """Raise unless something is left to train and every frozen name exists."""
        self.check_known(self.frozen)
        if not self.table.trainable:
            what = "no parameters that are not frozen" if self.frozen else "no parameters"
            raise GraphError(f"the network has {what}, so there is nothing to train.")

    def check_known(self, names: Iterable[str]) -> None:
        """Raise `ArgumentError` unless layers or parameters have all these dotted names."""
        known = {name for path in self.table.specs for name in above(path)}
        for name in names:
            if name not in known:
                raise ArgumentError(
                    f"no layer or parameter is called {in_brief(name)}: the parameters are "
                    f"{', '.join(self.table.specs)}."
                )

    def trace(self, rows: int, training: bool, share: Share | None = None) -> tuple[Graph, Value]:
        """The graph of a batch of `rows` samples, or of a share of a batch, and its output.

        Raises
        ------
        GraphError
            If the network makes other layers than in its first trace.
        """
        declared = [("x", (rows, *self.features), self.dtype)]
        settings = {"seed": self.seed, "frozen": self.frozen, "share": share}
        graph, output = trace(self.net, declared, training=training, **settings)
        if {n: s.shape for n, s in graph.specs.items()} != self.table.shapes:
            raise GraphError(
                f"traced again, the network has the parameters {', '.join(graph.specs)}, but first "
                f"it had {', '.join(self.table.specs)}: every call must make the same layers."
            )
        return graph, output

    def selected(
        self, arrays: Mapping[str, Any], only: Sequence[str], own: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The arrays under these dotted names, and the network's own parameters elsewhere."""
        self.check_known(only)
        wanted = [p for p in self.table.specs if under_any({*only}, p)]
        missing = [path for path in wanted if path not in arrays]
        if missing:
            raise ShapeError(
                f"the state has no {', '.join(missing)}; it has {', '.join(arrays) or 'nothing'}."
            )
        return {**own, **{path: arrays[path] for path in wanted}}
