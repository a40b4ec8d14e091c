"""Initial weights and biases that follow from training rows, layer by layer."""

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet import ops, random
from xpnet.backends import get
from xpnet.graph import Value
from xpnet.graph.interpret import constant, evaluate
from xpnet.model import Model

__all__ = ["start_from"]

_MOST = 2048  # rows that are looked at
_POINTS = 5
_STREAM = 3  # of random numbers
_NOTHING = 1e-6  # a deviation that is rounding, in units of the typical output


def start_from(model: Model, X: NDArray[Any]) -> None:
    """Set the weights and biases of every affine layer, from the first to the last.

    Weights are normally distributed, scaled such that each output has a standard deviation of 1 on
    these rows. A bias is minus a random convex combination of its output on five of the rows, so
    that the kink of the unit's activation lies among the rows ("he+5").

    Notes
    -----
    Source: Steinwart, "A sober look at neural network initializations", arXiv:1903.11482.
    """
    X = X[np.linspace(0, len(X) - 1, min(len(X), _MOST)).astype(np.intp)]
    graph, _ = model.network.trace(len(X), training=False)
    host, own = get("numpy").xp, model.engine.backend
    state = {name: own.to_numpy(array) for name, array in model.state_dict().items()}
    arrays: dict[Value, Any] = {v: state[n].astype("f8") for n, v in graph.parameters.items()}
    arrays |= {value: constant(host, value) for value in graph.constants}
    arrays[graph.inputs[0]] = X.astype(np.float64)
    names = {value: name for name, value in graph.parameters.items()}
    changed: dict[str, Any] = {}
    for node in graph.nodes:
        if node.record is ops.affine:
            x, *pair = node.inputs
            draws = _Draws(model.seed, len(changed))
            for value, array in zip(pair, draws.layer(arrays[x], pair[0].shape), strict=True):
                arrays[value] = changed[names[value]] = array
        evaluate(host, node, arrays)
    model.load_state_dict({**state, **changed})


class _Draws:
    """The random numbers of one layer."""

    def __init__(self, seed: int, number: int) -> None:
        self._keys = (random.Key(seed, _STREAM, 2 * number + i) for i in range(3))

    def layer(self, x: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
        """Weights and biases for these inputs."""
        drawn = random.normal(np, next(self._keys), shape) / sqrt(shape[0])
        y = x @ drawn
        deviation = y.std(axis=0)
        scale = np.where(deviation > _NOTHING * sqrt((x * x).mean()), deviation, 1.0)
        return drawn / scale, -self._combinations(y / scale)

    def _combinations(self, y: Any) -> Any:
        """For each column of y, a convex combination of some of its numbers."""
        shape = (_POINTS, y.shape[1])
        rows = (random.uniform(np, next(self._keys), shape) * len(y)).astype(np.intp)
        shares = -np.log1p(-random.uniform(np, next(self._keys), shape))
        return (np.take_along_axis(y, rows, axis=0) * shares).sum(axis=0) / shares.sum(axis=0)
