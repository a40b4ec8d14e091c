"""Layers that normalize their input."""

from typing import Any

from xpnet import ops
from xpnet.arguments import number, positive
from xpnet.errors import ArgumentError, ShapeError
from xpnet.graph import Value
from xpnet.nn.layer import Layer, batch_shape

__all__ = ["BatchNorm", "LayerNorm"]


class _Normalized(Layer):
    """Base class: a learned scale and shift for each feature."""

    def __init__(self, epsilon: float, affine: bool) -> None:
        self.epsilon, self.affine = positive("epsilon", epsilon), bool(affine)

    def scaled(self, x: Value, y: Value) -> Value:
        """y weight + bias, with parameters of the dtype of x."""
        if not self.affine:
            return y
        shape = x.shape[-1:]
        weight = self.parameter(x, "weight", shape, "ones", decay=False)
        bias = self.parameter(x, "bias", shape, "zeros", decay=False)
        return y * weight + bias


def _too_few(name: str, x: Value) -> ShapeError:
    return ShapeError(f"{name} expects shape (samples, ..., features), got {batch_shape(x.shape)}.")


class LayerNorm(_Normalized):
    """y = (x - mean) / sqrt(variance + epsilon) weight + bias, over each sample's features.

    Parameters
    ----------
    epsilon : float, default 1e-5
        Greater than 0.
    affine : bool, default True
        Whether each feature has a learned weight and bias.

    Notes
    -----
    Source: Ba, Kiros and Hinton, "Layer normalization", 2016.
    """

    def __init__(self, epsilon: float = 1e-5, affine: bool = True) -> None:
        super().__init__(epsilon, affine)

    def forward(self, x: Value) -> Any:
        """Standardize the last axis."""
        if x.ndim < 2:
            raise _too_few("LayerNorm", x)
        return self.scaled(x, ops.standardize_features(x, epsilon=self.epsilon))


class BatchNorm(_Normalized):
    """y = (x - mean) / sqrt(variance + epsilon) weight + bias, over the samples of a batch.

    In training, mean and variance are those of the batch. The states ``running_mean`` and
    ``running_var`` follow them: r = (1 - momentum) r + momentum value, where the variance has
    n - 1 in its denominator. Outside training, in a frozen layer, and for a batch of one row,
    which has no variance, the running values are used. One row does not change them.

    Parameters
    ----------
    momentum : float, default 0.1
        In (0, 1]: the weight of the new batch.
    epsilon : float, default 1e-5
        Greater than 0.
    affine : bool, default True
        Whether each feature has a learned weight and bias.

    Raises
    ------
    ArgumentError
        If a setting is out of range.

    Notes
    -----
    Source: Ioffe and Szegedy, "Batch normalization", ICML 2015. Axes between the first and the
    last count as samples.
    """

    def __init__(self, momentum: float = 0.1, epsilon: float = 1e-5, affine: bool = True) -> None:
        super().__init__(epsilon, affine)
        self.momentum = number("BatchNorm: momentum", momentum, 0)
        if not 0 < self.momentum <= 1:
            raise ArgumentError(f"BatchNorm: momentum must be in (0, 1], got {momentum!r}.")

    def forward(self, x: Value) -> Any:
        """Standardize each feature."""
        if x.ndim < 2:
            raise _too_few("BatchNorm", x)
        flat = x if x.ndim == 2 else ops.reshape(x, shape=(-1, x.shape[-1]))
        mean = self.state(x, "running_mean", x.shape[-1:], "zeros")
        variance = self.state(x, "running_var", x.shape[-1:], "ones")
        if self.training(x) and flat.shape[0] > 1:
            y = ops.standardize_batch(flat, epsilon=self.epsilon)
            self._follow(flat, mean, variance)
        else:
            y = (flat - mean) / ops.sqrt(variance + self.epsilon)
        y = self.scaled(x, y)
        return y if x.ndim == 2 else ops.reshape(y, shape=x.shape)

    def _follow(self, x: Value, mean: Value, variance: Value) -> None:
        """Update the running statistics with those of the batch."""
        center = ops.mean(x, axis=0)
        spread = x - center
        found = ops.sum(spread * spread, axis=0) / (x.shape[0] - 1)
        old, new = 1 - self.momentum, self.momentum
        self.assign(mean, old * mean + new * center)
        self.assign(variance, old * variance + new * found)
