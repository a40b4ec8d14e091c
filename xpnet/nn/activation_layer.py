"""The base class of activation layers, and the simplest ones."""

from typing import Any, ClassVar

from xpnet import ops
from xpnet.arguments import finite
from xpnet.graph import Value
from xpnet.nn.layer import Layer

__all__ = ["Activation", "Identity", "Linear", "Step"]


class Activation(Layer):
    """A layer that applies one op; the op's settings are attributes of the layer."""

    op: ClassVar[ops.Op]

    def forward(self, x: Value) -> Any:
        """Apply the op."""
        return self.op(x, **{name: getattr(self, name) for name in self.op.static})


class Identity(Layer):
    """y = x."""

    def forward(self, x: Value) -> Any:
        """Return the input."""
        return x


class Linear(Activation):
    """y = slope x.

    Parameters
    ----------
    slope : float, default 1.0

    Raises
    ------
    ArgumentError
        If `slope` is not a finite number.
    """

    op = ops.linear

    def __init__(self, slope: float = 1.0) -> None:
        self.slope = finite("Linear: slope", slope)


class Step(Activation):
    """y = 1 where x >= threshold, 0 elsewhere: the unit of the first perceptrons.

    Its gradient is 0 everywhere, so no layer before it learns. Use it for decisions, and for
    networks whose weights are set by hand or trained by other means. Source: Rosenblatt,
    "The perceptron", Psychological Review 65 (1958).

    Parameters
    ----------
    threshold : float, default 0.0

    Raises
    ------
    ArgumentError
        If `threshold` is not a finite number.
    """

    op = ops.step

    def __init__(self, threshold: float = 0.0) -> None:
        self.threshold = finite("Step: threshold", threshold)
