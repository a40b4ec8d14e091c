"""Initializers whose variance follows from a weight's fans."""

from math import sqrt
from typing import Any

from xpnet import random
from xpnet.arguments import finite, positive
from xpnet.nn.init.initializer import Initializer, fans
from xpnet.typing import Namespace, Shape

__all__ = [
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
]


def _flat(xp: Namespace, key: random.Key, shape: Shape, std: float) -> Any:
    """Uniform numbers of mean 0 and this standard deviation."""
    return sqrt(3.0) * std * (2.0 * random.uniform(xp, key, shape) - 1.0)


def _bell(xp: Namespace, key: random.Key, shape: Shape, std: float) -> Any:
    """Normal numbers of mean 0 and this standard deviation."""
    return std * random.normal(xp, key, shape)


def _glorot_std(name: str, shape: Shape, gain: float) -> float:
    fan_in, fan_out = fans(name, shape)
    return gain * sqrt(2.0 / (fan_in + fan_out))


def _glorot_uniform(xp: Namespace, key: random.Key, shape: Shape, gain: float) -> Any:
    return _flat(xp, key, shape, _glorot_std("glorot_uniform", shape, gain))


def _glorot_normal(xp: Namespace, key: random.Key, shape: Shape, gain: float) -> Any:
    return _bell(xp, key, shape, _glorot_std("glorot_normal", shape, gain))


def glorot_uniform(gain: float = 1.0) -> Initializer:
    """U(-a, a) with a = gain sqrt(6 / (fan_in + fan_out)).

    Parameters
    ----------
    gain : float, default 1
        Depends on the activation after the weight, such as 5/3 for tanh.

    Raises
    ------
    ArgumentError
        If `gain` is not greater than 0.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010.
    """
    return Initializer("glorot_uniform", (positive("gain", gain),), _glorot_uniform)


def glorot_normal(gain: float = 1.0) -> Initializer:
    """N(0, gain^2 2 / (fan_in + fan_out)); see `glorot_uniform`."""
    return Initializer("glorot_normal", (positive("gain", gain),), _glorot_normal)


def _he_std(name: str, shape: Shape, negative_slope: float) -> float:
    return sqrt(2.0 / (1.0 + negative_slope**2) / fans(name, shape)[0])


def _he_uniform(xp: Namespace, key: random.Key, shape: Shape, negative_slope: float) -> Any:
    return _flat(xp, key, shape, _he_std("he_uniform", shape, negative_slope))


def _he_normal(xp: Namespace, key: random.Key, shape: Shape, negative_slope: float) -> Any:
    return _bell(xp, key, shape, _he_std("he_normal", shape, negative_slope))


def he_uniform(negative_slope: float = 0.0) -> Initializer:
    """U(-a, a) with a = sqrt(6 / ((1 + negative_slope^2) fan_in)), for ReLU and its variants.

    Parameters
    ----------
    negative_slope : float, default 0
        The activation's slope below 0: 0 for ReLU, 0.01 for the usual leaky ReLU.

    Raises
    ------
    ArgumentError
        If `negative_slope` is not a finite number.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015.
    """
    return Initializer("he_uniform", (finite("negative_slope", negative_slope),), _he_uniform)


def he_normal(negative_slope: float = 0.0) -> Initializer:
    """N(0, 2 / ((1 + negative_slope^2) fan_in)); see `he_uniform`."""
    return Initializer("he_normal", (finite("negative_slope", negative_slope),), _he_normal)


def _lecun_uniform(xp: Namespace, key: random.Key, shape: Shape) -> Any:
    return _flat(xp, key, shape, sqrt(1.0 / fans("lecun_uniform", shape)[0]))


def _lecun_normal(xp: Namespace, key: random.Key, shape: Shape) -> Any:
    return _bell(xp, key, shape, sqrt(1.0 / fans("lecun_normal", shape)[0]))


def lecun_uniform() -> Initializer:
    """U(-a, a) with a = sqrt(3 / fan_in); see `lecun_normal`."""
    return Initializer("lecun_uniform", (), _lecun_uniform)


def lecun_normal() -> Initializer:
    """N(0, 1 / fan_in): outputs have the variance of the inputs; for SELU networks.

    References
    ----------
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998; Klambauer, Unterthiner, Mayr and
    Hochreiter, "Self-normalizing neural networks", NeurIPS 2017.
    """
    return Initializer("lecun_normal", (), _lecun_normal)
