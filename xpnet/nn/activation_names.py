"""Activation layers by name."""

from collections.abc import Callable
from functools import partial

from xpnet.errors import ArgumentError, UnknownNameError, in_brief
from xpnet.nn.activation_layer import Identity, Linear, Step
from xpnet.nn.layer import LayerLike
from xpnet.nn.rectifiers import ELU, GELU, SELU, LeakyReLU, Mish, PReLU, ReLU, SiLU, Softplus
from xpnet.nn.sigmoids import (
    HardSigmoid,
    HardTanh,
    LogSigmoid,
    LogSoftmax,
    Sigmoid,
    Softmax,
    Softsign,
    Tanh,
)

__all__ = ["activation"]

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
        raise ArgumentError(f"an activation is a name or a function, got {in_brief(spec)}.")
    made = spec() if isinstance(spec, type) else spec
    if not callable(made):
        raise ArgumentError(
            f"an activation is a name or a function, got the class {in_brief(spec)}."
        )
    return made
