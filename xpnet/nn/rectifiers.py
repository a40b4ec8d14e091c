"""Activation layers that pass positive numbers and damp negative ones."""

from typing import Any

from xpnet import ops
from xpnet.arguments import finite, flag
from xpnet.errors import ArgumentError, ShapeError, in_brief
from xpnet.graph import Value
from xpnet.nn.activation_layer import Activation
from xpnet.nn.init import constant
from xpnet.nn.layer import Layer

__all__ = ["ELU", "GELU", "SELU", "LeakyReLU", "Mish", "PReLU", "ReLU", "SiLU", "Softplus"]


class ReLU(Activation):
    """y = max(x, 0)."""

    op = ops.relu


class LeakyReLU(Activation):
    """y = x where x > 0, slope x elsewhere.

    Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic
    models", ICML 2013.

    Parameters
    ----------
    slope : float, default 0.01

    Raises
    ------
    ArgumentError
        If `slope` is not a finite number.
    """

    op = ops.leaky_relu

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = finite("LeakyReLU: slope", slope)


class PReLU(Layer):
    """y = x where x > 0, a x elsewhere, with a learned slope a.

    The parameter is ``"slope"``, of shape (units,), or (1,) if it is shared. Weight decay does
    not apply: it would pull the layer toward a ReLU. Source: He, Zhang, Ren and Sun, "Delving deep
    into rectifiers", ICCV 2015.

    Parameters
    ----------
    shared : bool, default False
        Whether all units share one slope.
    init : float, default 0.25
        The initial value of every slope.

    Raises
    ------
    ArgumentError
        If `shared` is not a bool, or `init` is not a finite number.
    ShapeError
        If the input has no dimensions.
    """

    def __init__(self, shared: bool = False, init: float = 0.25) -> None:
        self.shared = flag("PReLU: shared", shared)
        self.init = finite("PReLU: init", init)

    def forward(self, x: Value) -> Any:
        """Apply the op with this layer's slopes."""
        if not x.ndim:
            raise ShapeError(
                "PReLU expects an input of shape (..., units), got (): reshape one number to (1,)."
            )
        shape = (1,) if self.shared else x.shape[-1:]
        return ops.prelu(x, self.parameter(x, "slope", shape, constant(self.init), decay=False))


class ELU(Activation):
    """y = x where x > 0, alpha (e**x - 1) elsewhere.

    Source: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by
    exponential linear units (ELUs)", ICLR 2016.

    Parameters
    ----------
    alpha : float, default 1.0
        y tends to -alpha as x tends to -infinity.

    Raises
    ------
    ArgumentError
        If `alpha` is not a finite number.
    """

    op = ops.elu

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = finite("ELU: alpha", alpha)


class SELU(Activation):
    """y = s x where x > 0, s a (e**x - 1) elsewhere, with s = 1.0507 and a = 1.6733.

    With these constants the mean and the variance of a layer's outputs tend to 0 and 1. Source:
    Klambauer, Unterthiner, Mayr and Hochreiter, "Self-normalizing neural networks", NeurIPS 2017.
    """

    op = ops.selu


class GELU(Layer):
    """y = x (1 + erf(x / sqrt 2)) / 2.

    Source: Hendrycks and Gimpel, "Gaussian error linear units (GELUs)", arXiv:1606.08415 (2016).

    Parameters
    ----------
    approximate : {"none", "tanh"}, default "none"
        ``"tanh"`` is y = x (1 + tanh(sqrt(2/pi) (x + 0.044715 x**3))) / 2, which is faster
        and differs by less than 0.0005.

    Raises
    ------
    ArgumentError
        If `approximate` is any other value.
    """

    def __init__(self, approximate: str = "none") -> None:
        if not isinstance(approximate, str) or approximate not in ("none", "tanh"):
            raise ArgumentError(
                f"GELU: approximate must be 'none' or 'tanh', got {in_brief(approximate)}."
            )
        self.approximate = approximate

    def forward(self, x: Value) -> Any:
        """Apply the op of this form."""
        return ops.gelu(x) if self.approximate == "none" else ops.gelu_tanh(x)


class SiLU(Activation):
    """y = x / (1 + e**-x), also known as swish.

    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning", Neural Networks 107 (2018).
    """

    op = ops.silu


class Mish(Activation):
    """y = x tanh ln(1 + e**x).

    Source: Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.
    """

    op = ops.mish


class Softplus(Activation):
    """y = ln(1 + e**x).

    Source: Dugas, Bengio, Belisle, Nadeau and Garcia, "Incorporating second-order functional
    knowledge for better option pricing", NeurIPS 2000.
    """

    op = ops.softplus
