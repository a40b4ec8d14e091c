"""A network as a plain function of its parameters, for a library's own transformations."""

from collections.abc import Mapping
from functools import lru_cache

from xpnet.arguments import named_arrays
from xpnet.backends import namespace_of
from xpnet.engine.network import Network
from xpnet.errors import DataError, ShapeError, in_brief
from xpnet.graph import Graph, Value, interpret
from xpnet.typing import Array

__all__ = ["NetworkFunction"]


class NetworkFunction:
    """``f(parameters, x)``; see `xpnet.Model.function`."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._traced = lru_cache(maxsize=32)(self._trace)

    def __call__(self, parameters: Mapping[str, Array], x: Array) -> Array:
        """The network's output for inputs `x`, one row per sample or one sample."""
        network = self._network
        named_arrays("parameters", parameters)
        xp, device = namespace_of(x, *parameters.values())
        network.table.check(parameters, {n: a.shape for n, a in parameters.items()})
        if not hasattr(x, "shape"):
            raise DataError(f"the network takes arrays, got {in_brief(x)}.")
        shape = tuple(x.shape)
        alone = shape == network.features
        if not alone and shape[1:] != network.features:
            raise ShapeError(
                f"the network takes samples of shape {network.features}, got an array of shape "
                f"{shape}."
            )
        graph, output = self._traced(1 if alone else shape[0])
        feeds = {value: parameters[name] for name, value in graph.parameters.items()}
        feeds[graph.inputs[0]] = x[None, ...] if alone else x
        y = interpret(graph, xp, feeds, [output], device)[0]
        return y[0, ...] if alone else y

    def _trace(self, rows: int) -> tuple[Graph, Value]:
        return self._network.trace(rows, training=False)

    def __repr__(self) -> str:
        names = ", ".join(self._network.table.specs)
        return f"<function of the parameters {names} and inputs {self._network.features}>"
