"""Initializers by name."""

from collections.abc import Callable

from xpnet.arguments import is_function
from xpnet.errors import ArgumentError, UnknownNameError, in_brief
from xpnet.nn.init.distributions import normal, ones, truncated_normal, uniform, zeros
from xpnet.nn.init.from_data import through_data, unit_variance
from xpnet.nn.init.initializer import Initializer, InitLike
from xpnet.nn.init.orthogonal import orthogonal
from xpnet.nn.init.scaled import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
)
from xpnet.random import Key
from xpnet.typing import Array, Namespace, Shape

__all__ = ["get"]

_BY_NAME: dict[str, Callable[..., Initializer]] = {
    make.__name__: make
    for make in (
        zeros,
        ones,
        normal,
        uniform,
        truncated_normal,
        glorot_uniform,
        glorot_normal,
        he_uniform,
        he_normal,
        lecun_uniform,
        lecun_normal,
        orthogonal,
        unit_variance,
        through_data,
    )
}


def get(spec: InitLike) -> Callable[[Namespace, Key, Shape], Array]:
    """The initializer of this name, or `spec` itself if it is an initializer."""
    if isinstance(spec, str):
        if spec not in _BY_NAME:
            raise UnknownNameError("initializer", spec, _BY_NAME)
        return _BY_NAME[spec]()
    if not is_function(spec) or any(spec is make for make in _BY_NAME.values()):
        raise ArgumentError(
            f"an initializer must be a name or the result of a function of xpnet.init, such as "
            f"xpnet.init.normal(0.01); got {in_brief(spec)}."
        )
    return spec
