"""Layers that change the shape of a sample."""

from typing import Any

from xpnet import ops
from xpnet.graph import Value
from xpnet.nn.layer import Layer

__all__ = ["Flatten"]


class Flatten(Layer):
    """Each sample as one row: (n, a, b, ...) becomes (n, a b ...)."""

    def forward(self, x: Value) -> Any:
        """Reshape all axes but the first into one."""
        return ops.reshape(x, shape=(x.shape[0], -1))
