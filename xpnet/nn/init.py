"""How parameters start. Each function returns an initialiser ``init(xp, key, shape)``.

The fan-in and fan-out of a weight of shape (in, out) are its two lengths.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

from xpnet import random
from xpnet.arguments import finite, positive
from xpnet.errors import ArgumentError, ShapeError, UnknownNameError
from xpnet.typing import Namespace, Shape

__all__ = [
    "Initializer",
    "constant",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "normal",
    "ones",
    "uniform",
    "zeros",
]


@dataclass(frozen=True)
class Initializer:
    """A named way to start a parameter: ``init(xp, key, shape)`` returns float64 numbers."""

    name: str
    draw: Callable[[Namespace, random.Key, Shape], Any]

    def __call__(self, xp: Namespace, key: random.Key, shape: Shape) -> Any:
        return self.draw(xp, key, shape)

    def __repr__(self) -> str:
        return self.name


def constant(value: float) -> Initializer:
    """Every element is `value`."""
    finite("value", value)
    return Initializer(
        f"constant({value})", lambda xp, key, shape: xp.full(shape, value, dtype=xp.float64)
    )


def zeros() -> Initializer:
    """Every element is 0."""
    return constant(0.0)


def ones() -> Initializer:
    """Every element is 1."""
    return constant(1.0)


def normal(std: float = 0.01, mean: float = 0.0) -> Initializer:
    """N(mean, std**2).

    Raises
    ------
    ArgumentError
        If `std` is not greater than 0.
    """
    positive("std", std)
    finite("mean", mean)
    return Initializer(
        f"normal({std}, {mean})",
        lambda xp, key, shape: mean + std * random.normal(xp, key, shape),
    )


def uniform(low: float = -0.05, high: float = 0.05) -> Initializer:
    """U(low, high).

    Raises
    ------
    ArgumentError
        If `high` is not greater than `low`.
    """
    positive("high - low", finite("high", high) - finite("low", low))
    return Initializer(
        f"uniform({low}, {high})",
        lambda xp, key, shape: low + (high - low) * random.uniform(xp, key, shape),
    )


def _fans(shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        raise ShapeError(
            f"Glorot and He initialisers need a weight of shape (in, out), got {shape}: use "
            "normal, uniform or a constant for vectors."
        )
    return max(shape[-2], 1), max(shape[-1], 1)


def _scaled(name: str, variance: Callable[[int, int], float], flat: bool) -> Initializer:
    """Numbers of mean 0 and the given variance, uniform or normal."""

    def draw(xp: Namespace, key: random.Key, shape: Shape) -> Any:
        std = sqrt(variance(*_fans(shape)))
        if flat:
            bound = sqrt(3.0) * std
            return bound * (2.0 * random.uniform(xp, key, shape) - 1.0)
        return std * random.normal(xp, key, shape)

    return Initializer(f"{name}()", draw)


def glorot_uniform() -> Initializer:
    """U(-a, a) with a = sqrt(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010.
    """
    return _scaled("glorot_uniform", lambda i, o: 2 / (i + o), True)


def glorot_normal() -> Initializer:
    """N(0, 2 / (fan_in + fan_out)). Source: see `glorot_uniform`."""
    return _scaled("glorot_normal", lambda i, o: 2 / (i + o), False)


def he_uniform() -> Initializer:
    """U(-a, a) with a = sqrt(6 / fan_in).

    Source: He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015.
    """
    return _scaled("he_uniform", lambda i, o: 2 / i, True)


def he_normal() -> Initializer:
    """N(0, 2 / fan_in). Source: see `he_uniform`."""
    return _scaled("he_normal", lambda i, o: 2 / i, False)


_BY_NAME = {
    "zeros": zeros,
    "ones": ones,
    "normal": normal,
    "uniform": uniform,
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
}


def get(spec: Any) -> Any:
    """The initialiser of this name, or `spec` itself if it is one already."""
    if isinstance(spec, str):
        if spec not in _BY_NAME:
            raise UnknownNameError("initialiser", spec, _BY_NAME)
        return _BY_NAME[spec]()
    if not callable(spec) or spec in _BY_NAME.values():
        raise ArgumentError(
            f"an initialiser is a name or the result of a function of xpnet.init, such as "
            f"xpnet.init.normal(0.01); got {spec!r}."
        )
    return spec
