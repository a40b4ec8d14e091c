"""Activation layers and their names."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from xpnet import ops
from xpnet.arguments import finite
from xpnet.errors import ArgumentError, ShapeError, UnknownNameError
from xpnet.graph import Value
from xpnet.nn.init import constant
from xpnet.nn.layer import Layer, LayerLike

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "HardSigmoid",
    "HardTanh",
    "Identity",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Step",
    "Tanh",
    "activation",
]


class _Activation(Layer):
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


class Linear(_Activation):
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


class Step(_Activation):
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


class ReLU(_Activation):
    """y = max(x, 0)."""

    op = ops.relu


class LeakyReLU(_Activation):
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
        if not isinstance(shared, bool):
            raise ArgumentError(f"PReLU: shared must be True or False, got {shared!r}.")
        self.shared = shared
        self.init = finite("PReLU: init", init)

    def forward(self, x: Value) -> Any:
        """Apply the op with this layer's slopes."""
        if not x.ndim:
            raise ShapeError(
                "PReLU expects an input of shape (..., units), got (): reshape one number to (1,)."
            )
        shape = (1,) if self.shared else x.shape[-1:]
        return ops.prelu(x, self.parameter(x, "slope", shape, constant(self.init), decay=False))


class ELU(_Activation):
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


class SELU(_Activation):
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
        if approximate not in ("none", "tanh"):
            raise ArgumentError(f"GELU: approximate must be 'none' or 'tanh', got {approximate!r}.")
        self.approximate = approximate

    def forward(self, x: Value) -> Any:
        """Apply the op of this form."""
        return ops.gelu(x) if self.approximate == "none" else ops.gelu_tanh(x)


class SiLU(_Activation):
    """y = x / (1 + e**-x), also known as swish.

    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning", Neural Networks 107 (2018).
    """

    op = ops.silu


class Mish(_Activation):
    """y = x tanh ln(1 + e**x).

    Source: Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.
    """

    op = ops.mish


class Softplus(_Activation):
    """y = ln(1 + e**x).

    Source: Dugas, Bengio, Belisle, Nadeau and Garcia, "Incorporating second-order functional
    knowledge for better option pricing", NeurIPS 2000.
    """

    op = ops.softplus


class Softsign(_Activation):
    """y = x / (1 + |x|).

    Source: Turian, Bergstra and Bengio, "Quadratic features and deep architectures for
    chunking", NAACL 2009.
    """

    op = ops.softsign


class Sigmoid(_Activation):
    """y = 1 / (1 + e**-x)."""

    op = ops.sigmoid


class LogSigmoid(_Activation):
    """y = -ln(1 + e**-x)."""

    op = ops.log_sigmoid


class HardSigmoid(_Activation):
    """y = min(max(x / 6 + 1/2, 0), 1)."""

    op = ops.hard_sigmoid


class Tanh(_Activation):
    """y = tanh x."""

    op = ops.tanh


class HardTanh(_Activation):
    """y = min(max(x, -1), 1)."""

    op = ops.hard_tanh


class Softmax(_Activation):
    """y_k = e**x_k / sum_j e**x_j over the last axis.

    Train on logits with ``loss="softmax_cross_entropy"``. Add this layer after the network only to
    read probabilities.
    """

    op = ops.softmax


class LogSoftmax(_Activation):
    """y_k = x_k - ln sum_j e**x_j over the last axis."""

    op = ops.log_softmax


_BY_NAME: dict[str, Callable[[], LayerLike]] = {
    "identity": Identity,
    "linear": Linear,
    "step": Step,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "prelu": PReLU,
    "elu": ELU,
    "selu": SELU,
    "gelu": GELU,
    "gelu_tanh": partial(GELU, "tanh"),
    "silu": SiLU,
    "swish": SiLU,
    "mish": Mish,
    "softplus": Softplus,
    "softsign": Softsign,
    "sigmoid": Sigmoid,
    "log_sigmoid": LogSigmoid,
    "hard_sigmoid": HardSigmoid,
    "tanh": Tanh,
    "hard_tanh": HardTanh,
    "softmax": Softmax,
    "log_softmax": LogSoftmax,
}


def activation(spec: str | LayerLike) -> LayerLike:
    """The activation layer of this name, or `spec` itself if it is a function or a layer.

    Raises
    ------
    UnknownNameError
        If no activation has this name.
    """
    if isinstance(spec, str):
        if spec not in _BY_NAME:
            raise UnknownNameError("activation", spec, _BY_NAME)
        return _BY_NAME[spec]()
    if not callable(spec):
        raise ArgumentError(f"an activation is a name or a function, got {spec!r}.")
    return spec() if isinstance(spec, type) else spec
