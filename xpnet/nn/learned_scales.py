"""Layers with one learned number per column: scales, and shares of an activation."""

from typing import Any

from xpnet.arguments import number, positive
from xpnet.errors import ShapeError
from xpnet.graph import Value
from xpnet.nn.activation_names import activation as activation_layer
from xpnet.nn.layer import Layer, LayerLike, batch_shape, call

__all__ = ["LearnedScale", "ParametricActivation"]


def _columns(layer: Layer, x: Value) -> tuple[int, ...]:
    """The shape of one number per column.

    Raises
    ------
    ShapeError
        If the input has no columns.
    """
    if x.ndim < 2:
        raise ShapeError(
            f"{type(layer).__name__} expects an input of shape (samples, features), got "
            f"{batch_shape(x.shape)}."
        )
    return x.shape[-1:]


class LearnedScale(Layer):
    """y = s x, with a learned scale s for each column, which starts as 1.

    At the front of a network it selects columns: with `rate` > 1 the scales learn faster than the
    weights after them, and those of useless columns go to 0.

    Parameters
    ----------
    rate, decay : float, default 1
        Factors of the learning rate, greater than 0, and of the weight decay, at least 0.

    Raises
    ------
    ArgumentError
        If a factor is out of its range.

    Notes
    -----
    Source: Holzmüller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned MLPs and
    boosted trees on tabular data", NeurIPS 2024.
    """

    def __init__(self, *, rate: float = 1.0, decay: float = 1.0) -> None:
        self.rate, self.decay = (
            positive("LearnedScale: rate", rate),
            number("LearnedScale: decay", decay, 0),
        )

    def forward(self, x: Value) -> Any:
        """Multiply each column by its scale."""
        shape = _columns(self, x)
        return x * self.parameter(x, "scale", shape, "ones", self.decay, rate=self.rate)


class ParametricActivation(Layer):
    """y = x + a (f(x) - x), with a learned share a of the activation f for each column.

    Every share starts as 1: y = f(x). A share of 0 makes the column linear.

    Parameters
    ----------
    activation : str or callable
        The activation f, such as ``"selu"``.
    rate, decay : float, default 1
        Factors of the learning rate, greater than 0, and of the weight decay, at least 0.

    Raises
    ------
    ArgumentError
        If a factor is out of its range.
    UnknownNameError
        If no activation has this name.

    Notes
    -----
    Source: Holzmüller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned MLPs and
    boosted trees on tabular data", NeurIPS 2024.
    """

    def __init__(
        self, activation: str | LayerLike, *, rate: float = 1.0, decay: float = 1.0
    ) -> None:
        self.activation = activation_layer(activation)
        self.rate = positive("ParametricActivation: rate", rate)
        self.decay = number("ParametricActivation: decay", decay, 0)

    def forward(self, x: Value) -> Any:
        """Mix the input and its activation."""
        share = self.parameter(x, "share", _columns(self, x), "ones", self.decay, rate=self.rate)
        return x + (call(self.activation, x) - x) * share
