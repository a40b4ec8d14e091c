"""The layer that an MLP is made of."""

from typing import Any

from xpnet import ops
from xpnet.arguments import count
from xpnet.errors import ShapeError
from xpnet.graph import Value
from xpnet.nn import init
from xpnet.nn.activations import activation as activation_layer
from xpnet.nn.layer import Layer, LayerLike, call

__all__ = ["Dense"]


class Dense(Layer):
    """Every output unit sees every input: y_no = sum_i x_ni w_io + b_o.

    Parameters
    ----------
    units : int
        Number of outputs, at least 1.
    activation : str or callable, optional
        Applied to the result, such as ``"relu"``; none by default.
    kernel_init, bias_init : str or initialiser
        How the weights (in, out) and the biases (out,) start; Glorot uniform and zeros.

    Raises
    ------
    ArgumentError
        If `units` is not a whole number of at least 1.
    ShapeError
        If it is called on an input of fewer than two dimensions (samples, features).
    """

    def __init__(
        self,
        units: int,
        activation: str | LayerLike | None = None,
        *,
        kernel_init: Any = "glorot_uniform",
        bias_init: Any = "zeros",
    ) -> None:
        self.units = count("Dense: units", units)
        self.activation = None if activation is None else activation_layer(activation)
        self.kernel_init, self.bias_init = init.get(kernel_init), init.get(bias_init)

    def forward(self, x: Value) -> Any:
        """Apply the affine map, then the activation."""
        if x.ndim < 2:
            raise ShapeError(
                f"Dense expects an input of shape (samples, features), got {x.shape}: reshape one "
                "sample to (1, features), or one feature to (samples, 1)."
            )
        shape = (x.shape[-1], self.units)
        w = self.parameter(x, "weight", shape, self.kernel_init)
        b = self.parameter(x, "bias", shape[1:], self.bias_init, decay=False)
        y = ops.affine(x, w, b)
        return y if self.activation is None else call(self.activation, y)
