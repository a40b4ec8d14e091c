"""Activation layers, and their names."""

from typing import Any

from xpnet import ops
from xpnet.errors import ArgumentError, UnknownNameError
from xpnet.graph import Value
from xpnet.nn.layer import Layer, LayerLike

__all__ = [
    "Identity",
    "LogSoftmax",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "activation",
]


class Identity(Layer):
    """y = x."""

    def forward(self, x: Value) -> Any:
        """Return the input."""
        return x


class ReLU(Layer):
    """y = max(x, 0)."""

    def forward(self, x: Value) -> Any:
        """Apply the op."""
        return ops.relu(x)


class Sigmoid(Layer):
    """y = 1 / (1 + e**-x)."""

    def forward(self, x: Value) -> Any:
        """Apply the op."""
        return ops.sigmoid(x)


class Tanh(Layer):
    """y = tanh x."""

    def forward(self, x: Value) -> Any:
        """Apply the op."""
        return ops.tanh(x)


class Softmax(Layer):
    """y_k = e**x_k / sum_j e**x_j over the last axis.

    Train on logits with ``loss="softmax_cross_entropy"`` and put this layer behind the network
    only to read probabilities.
    """

    def forward(self, x: Value) -> Any:
        """Apply the op."""
        return ops.softmax(x)


class LogSoftmax(Layer):
    """y_k = x_k - ln sum_j e**x_j over the last axis."""

    def forward(self, x: Value) -> Any:
        """Apply the op."""
        return ops.log_softmax(x)


_BY_NAME = {
    "identity": Identity,
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "softmax": Softmax,
    "log_softmax": LogSoftmax,
}


def activation(spec: str | LayerLike) -> LayerLike:
    """The activation layer of this name, or `spec` itself if it is a function or a layer.

    Raises
    ------
    UnknownNameError
        For a name that is not an activation's.
    """
    if isinstance(spec, str):
        if spec not in _BY_NAME:
            raise UnknownNameError("activation", spec, _BY_NAME)
        return _BY_NAME[spec]()
    if not callable(spec):
        raise ArgumentError(f"an activation is a name or a function, got {spec!r}.")
    return spec() if isinstance(spec, type) else spec
