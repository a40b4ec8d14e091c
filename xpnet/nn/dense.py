"""The layers that an MLP is made of."""

from typing import Any, TypedDict, Unpack

from xpnet import ops
from xpnet.arguments import count, flag, number, positive
from xpnet.errors import ArgumentError, ShapeError
from xpnet.graph import Value
from xpnet.nn import init
from xpnet.nn.activation_names import activation as activation_layer
from xpnet.nn.init.initializer import InitLike
from xpnet.nn.layer import (
    Layer,
    LayerLike,
    Penalty,
    batch_shape,
    call,
    check_constraint,
    check_penalty,
)
from xpnet.nn.weight_constraints import Constraint

__all__ = ["Dense", "Maxout"]


class DenseSettings(TypedDict, total=False):
    """The keyword arguments of `Dense`, which documents them."""

    activation: str | LayerLike | None
    bias: bool
    kernel_init: InitLike
    bias_init: InitLike
    kernel_penalty: Penalty | None
    bias_penalty: Penalty | None
    kernel_constraint: Constraint | None
    kernel_rate: float
    bias_rate: float
    kernel_decay: float


class Dense(Layer):
    """A fully connected layer: y_no = sum_i x_ni w_io + b_o.

    Parameters
    ----------
    units : int
        Number of outputs, at least 1.
    activation : str or callable, optional
        Applied to the result, such as ``"relu"``; none by default.
    bias : bool, default True
        Whether there are biases b.
    kernel_init, bias_init : str or initializer
        Initial weights, of shape (in, out), and biases, of shape (out,); by default Glorot uniform
        and zeros.
    kernel_penalty, bias_penalty : callable, optional
        ``penalty(w)``, a scalar built from ops, is added to the loss: `L1`, `L2` or a function.
    kernel_constraint : MaxNorm or UnitNorm, optional
        Applied to the weights after every update.
    kernel_rate, bias_rate : float, default 1
        Factors of the learning rate of the weights and of the biases, greater than 0.
    kernel_decay : float, default 1
        A factor of the weight decay of the weights, at least 0. Biases do not decay.

    Raises
    ------
    ArgumentError
        If `units` is not a whole number of at least 1, or another setting is invalid.
    ShapeError
        If the input has fewer than two dimensions (samples, features).
    """

    def __init__(
        self,
        units: int,
        activation: str | LayerLike | None = None,
        *,
        bias: bool = True,
        kernel_init: InitLike = "glorot_uniform",
        bias_init: InitLike = "zeros",
        kernel_penalty: Penalty | None = None,
        bias_penalty: Penalty | None = None,
        kernel_constraint: Constraint | None = None,
        kernel_rate: float = 1.0,
        bias_rate: float = 1.0,
        kernel_decay: float = 1.0,
    ) -> None:
        self.units, self.bias = count("Dense: units", units), flag("Dense: bias", bias)
        if isinstance(activation, int):
            raise ArgumentError(
                f"Dense takes only the number of outputs; it finds the number of inputs itself: "
                f"Dense({units}) or Dense({activation}), not Dense({units}, {activation})."
            )
        self.activation = None if activation is None else activation_layer(activation)
        self.kernel_init, self.bias_init = init.get(kernel_init), init.get(bias_init)
        self.kernel_penalty = check_penalty("Dense: kernel_penalty", kernel_penalty)
        self.bias_penalty = check_penalty("Dense: bias_penalty", bias_penalty)
        self.kernel_constraint = check_constraint("Dense: kernel_constraint", kernel_constraint)
        self.kernel_rate = positive("Dense: kernel_rate", kernel_rate)
        self.bias_rate = positive("Dense: bias_rate", bias_rate)
        self.kernel_decay = number("Dense: kernel_decay", kernel_decay, 0)

    def forward(self, x: Value) -> Any:
        """Apply the affine map, then the activation."""
        if x.ndim < 2:
            raise ShapeError(
                f"Dense expects an input of shape (samples, features), got "
                f"{batch_shape(x.shape)}: reshape one sample to (1, features), or one feature "
                "to (samples, 1)."
            )
        y = self._product(x)
        return y if self.activation is None else call(self.activation, y)

    def _product(self, x: Value) -> Any:
        """The affine map, or the linear one without biases."""
        shape = (x.shape[-1], self.units)
        w = self.parameter(
            x,
            "weight",
            shape,
            self.kernel_init,
            self.kernel_decay,
            penalty=self.kernel_penalty,
            constraint=self.kernel_constraint,
            rate=self.kernel_rate,
        )
        if not self.bias:
            y = ops.matmul(x, w)
            self.observe(w, y)
            return y
        b = self.parameter(
            x,
            "bias",
            shape[1:],
            self.bias_init,
            decay=False,
            penalty=self.bias_penalty,
            rate=self.bias_rate,
        )
        y = ops.affine(x, w, b)
        self.observe(w, y)
        self.observe(b, y)
        return y


class Maxout(Layer):
    """y_o = max_p (x w_op + b_op): each unit is the largest of several affine maps.

    Parameters
    ----------
    units : int
        Number of outputs, at least 1.
    pieces : int, default 2
        Affine maps for each output, at least 1.
    **dense
        Further settings of the `Dense` layer that computes the ``units * pieces`` maps.

    Raises
    ------
    ArgumentError
        If `units` or `pieces` is not a whole number of at least 1.

    Notes
    -----
    Source: Goodfellow, Warde-Farley, Mirza, Courville and Bengio, "Maxout networks", ICML 2013.
    """

    def __init__(self, units: int, pieces: int = 2, **dense: Unpack[DenseSettings]) -> None:
        self.units, self.pieces = count("Maxout: units", units), count("Maxout: pieces", pieces)
        self.maps = Dense(self.units * self.pieces, **dense)

    def forward(self, x: Value) -> Any:
        """The largest of each unit's pieces."""
        y = call(self.maps, x, name="maps")
        return ops.max(ops.reshape(y, shape=(*y.shape[:-1], self.units, self.pieces)), axis=-1)
