"""A multilayer perceptron in one line."""

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any, Unpack

from xpnet.arguments import elements, is_function, number, refuse_unknown
from xpnet.errors import ArgumentError, in_brief
from xpnet.model import Model
from xpnet.model_settings import ModelSettings
from xpnet.nn import Dense, Dropout, InitLike, LayerLike, Sequential
from xpnet.nn import activation as activation_layer
from xpnet.typing import Schedule

__all__ = ["MLP", "dense_net"]


def MLP(
    sizes: Sequence[int],
    activation: str | LayerLike = "relu",
    *,
    dropout: float | Schedule = 0.0,
    kernel_init: InitLike = "glorot_uniform",
    bias_init: InitLike = "zeros",
    **settings: Unpack[ModelSettings],
) -> Model:
    """A `Model` of dense layers, with an activation between them.

    Parameters
    ----------
    sizes : sequence of int
        Number of features, units of each hidden layer, outputs: ``[784, 128, 10]``.
    activation : str or callable, default "relu"
        Applied after every layer but the last. All layers share a layer object; a name or a class
        gives each its own activation, which matters for `PReLU`.
    dropout : float or callable, default 0
        Rate of a `Dropout` after every activation, or its schedule.
    kernel_init, bias_init : str or initializer
        See `Dense`.
    **settings
        Arguments of `Model`: ``loss``, ``optimizer``, ``backend``, ``dtype``, ``seed``, ...

    Examples
    --------
    >>> import xpnet as xn
    >>> model = xn.MLP([784, 128, 10], optimizer=xn.SGD(0.1))
    """
    own = [name for name in signature(MLP).parameters if name != "settings"]
    known = ModelSettings.__annotations__
    refuse_unknown("MLP", settings, [*own, *known], _hint(settings))
    sizes = elements("sizes", sizes, "[784, 128, 10]")
    if len(sizes) < 2:
        raise ArgumentError(
            f"sizes must hold at least the features and the outputs, such as [784, 128, 10]; got "
            f"{in_brief(sizes)}."
        )
    net = dense_net(sizes[1:], activation, dropout, kernel_init, bias_init)
    return Model(net, input_shape=sizes[0], **settings)


def dense_net(
    units: Sequence[int],
    activation: str | LayerLike = "relu",
    dropout: float | Schedule = 0.0,
    kernel_init: InitLike = "glorot_uniform",
    bias_init: InitLike = "zeros",
) -> Sequential:
    """The layers of an `MLP` for any number of features: dense ones with these units."""
    layers: list[Any] = []
    noisy = is_function(dropout) or number("dropout", dropout, 0, 1) > 0
    for count in units:
        layers.append(Dense(count, kernel_init=kernel_init, bias_init=bias_init))
        layers.append(activation_layer(activation))
        if noisy:
            layers.append(Dropout(dropout))
    return Sequential(*layers[: -2 if noisy else -1])


def _hint(settings: Mapping[str, object]) -> str:
    """A hint that the learning rate belongs to the optimizer."""
    rate = settings.get("learning_rate", settings.get("lr"))
    return (
        ""
        if rate is None
        else f" Give it to the optimizer: optimizer=xpnet.Adam({in_brief(rate)})."
    )
