"""Initializers whose numbers do not depend on the parameter's shape."""

from math import erfc, sqrt
from typing import Any

from xpnet import random
from xpnet.arguments import finite, positive
from xpnet.errors import ArgumentError
from xpnet.nn.init.initializer import Initializer
from xpnet.nn.init.quantile import normal_quantile
from xpnet.typing import Namespace, Shape

__all__ = ["constant", "normal", "ones", "truncated_normal", "uniform", "zeros"]


def _constant(xp: Namespace, key: random.Key, shape: Shape, value: float) -> Any:
    return xp.full(shape, value, dtype=xp.float64)


def constant(value: float) -> Initializer:
    """Every element is `value`.

    Raises
    ------
    ArgumentError
        If `value` is not a finite number.
    """
    return Initializer("constant", (finite("value", value),), _constant)


def zeros() -> Initializer:
    """Every element is 0."""
    return constant(0.0)


def ones() -> Initializer:
    """Every element is 1."""
    return constant(1.0)


def _normal(xp: Namespace, key: random.Key, shape: Shape, std: float, mean: float) -> Any:
    return mean + std * random.normal(xp, key, shape)


def normal(std: float = 0.01, mean: float = 0.0) -> Initializer:
    """N(mean, std**2).

    Raises
    ------
    ArgumentError
        If `std` is not greater than 0.
    """
    return Initializer("normal", (positive("std", std), finite("mean", mean)), _normal)


def _uniform(xp: Namespace, key: random.Key, shape: Shape, low: float, high: float) -> Any:
    return low + (high - low) * random.uniform(xp, key, shape)


def uniform(low: float = -0.05, high: float = 0.05) -> Initializer:
    """U(low, high).

    Raises
    ------
    ArgumentError
        If `high` is not greater than `low`.
    """
    positive("high - low", finite("high", high) - finite("low", low))
    return Initializer("uniform", (float(low), float(high)), _uniform)


def _probability(z: float) -> float:
    """P(Z < z) of a standard normal Z."""
    return erfc(-z / sqrt(2.0)) / 2.0


def _truncated_normal(
    xp: Namespace,
    key: random.Key,
    shape: Shape,
    std: float,
    mean: float,
    low: float,
    high: float,
) -> Any:
    # Probabilities keep their digits near 0, not near 1, so mirror an interval on the right.
    sign, near, far = (1.0, low, high) if low <= 0 else (-1.0, -high, -low)
    start = _probability(near)
    p = start + (_probability(far) - start) * random.uniform(xp, key, shape)
    z = xp.clip(normal_quantile(xp, p), near, far)  # rounding may cross a bound
    return mean + std * sign * z


def truncated_normal(
    std: float = 0.01, mean: float = 0.0, low: float = -2.0, high: float = 2.0
) -> Initializer:
    """N(mean, std**2), truncated to [mean + low std, mean + high std].

    A uniform number u becomes ``F^-1(F(low) + u (F(high) - F(low)))``, where F is the standard
    normal distribution. The result's standard deviation is below `std`: 0.88 of it for a cut at 2.

    Parameters
    ----------
    std, mean : float
        Mean and standard deviation before truncation.
    low, high : float, defaults -2 and 2
        The bounds, in standard deviations from the mean.

    Raises
    ------
    ArgumentError
        If `std` is not greater than 0, `high` is not greater than `low`, or practically nothing
        lies between them.
    """
    settings = (
        positive("std", std),
        finite("mean", mean),
        finite("low", low),
        finite("high", high),
    )
    positive("high - low", high - low)
    if min(abs(low), abs(high)) > 30 and low * high > 0:
        raise ArgumentError(
            f"low and high are in standard deviations from the mean: practically nothing "
            f"lies between {low} and {high}. Move one of them to within 30 of the mean, or to the "
            "other side of it."
        )
    return Initializer("truncated_normal", settings, _truncated_normal)
