"""Initial values that depend on data: on what the layer computes for the first samples.

The parameter is drawn as by any initializer. When the first data come, `fitted` replaces the value,
layer by layer from the input on; see `Layer.observe` and `Model.initialize`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

from xpnet import random
from xpnet.arguments import count, positive
from xpnet.errors import ShapeError
from xpnet.nn.init.initializer import Initializer, fans
from xpnet.typing import Array, Namespace, Shape, size_of

__all__ = ["DataInitializer", "through_data", "unit_variance"]

_FLAT = 1e-6  # a spread below this share of the size is that of rounding


@dataclass(frozen=True, repr=False)
class DataInitializer(Initializer):
    """An initializer with a second step, which sees data.

    Attributes
    ----------
    fit : callable
        ``fit(xp, key, value, seen, *settings)`` returns the value of the parameter, given the one
        that was drawn, and what the layer computes with that, for a sample in each row.
    """

    fit: Callable[..., Any]

    def fitted(self, xp: Namespace, key: random.Key, value: Array, seen: Array) -> Array:
        """The parameter's value after the layer has seen data."""
        return self.fit(xp, key, value, seen, *self.settings)


def _columns(xp: Namespace, name: str, seen: Array, shape: Shape) -> Array:
    """What a layer computes as a matrix: a row for each sample, a column for each element."""
    if seen.ndim < 2 or seen.shape[-1:] != shape[-1:] or size_of(shape) == 0:
        raise ShapeError(
            f"{name} needs a layer that computes (samples, units) with a parameter whose last "
            f"axis are the units, got {seen.shape} and {shape}."
        )
    return xp.reshape(xp.moveaxis(seen, -2, 0), (-1, size_of(shape)))


def _lecun(xp: Namespace, key: random.Key, shape: Shape, gain: float) -> Any:
    fan_in, _ = fans("unit_variance", shape)
    return gain * sqrt(1 / fan_in) * random.normal(xp, key, shape)


def _unit(xp: Namespace, key: random.Key, value: Array, seen: Array, gain: float) -> Any:
    units = (*value.shape[:-2], value.shape[-1])
    z = _columns(xp, "unit_variance", seen, units)
    std = xp.std(z, axis=0)
    flat = std <= _FLAT * xp.sqrt(xp.mean(z * z, axis=0))
    scale = xp.where(flat, 1.0, gain / xp.where(flat, 1.0, std))
    return value * xp.reshape(scale, (*units[:-1], 1, units[-1]))


def unit_variance(gain: float = 1.0) -> DataInitializer:
    """N(0, gain**2 / fan_in); divided by each unit's standard deviation on the first data.

    w_io = gain w_io / std_n(z_no), with what the layer computes, z = x w, for the samples n. A
    unit without variance keeps its weights.

    Parameters
    ----------
    gain : float, default 1
        The standard deviation that every unit has afterwards.

    Raises
    ------
    ArgumentError
        If `gain` is not greater than 0.

    References
    ----------
    Mishkin and Matas, "All you need is a good init", ICLR 2016, there for a layer's units together;
    unit by unit as in Holzmüller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned
    MLPs and boosted trees on tabular data", NeurIPS 2024.
    """
    return DataInitializer("unit_variance", (positive("gain", gain),), _lecun, _unit)


def _zeros(xp: Namespace, key: random.Key, shape: Shape, points: float) -> Any:
    return xp.zeros(shape, dtype=xp.float64)


def _through(xp: Namespace, key: random.Key, value: Array, seen: Array, points: float) -> Any:
    z = _columns(xp, "through_data", seen, value.shape)
    drawn = random.uniform(xp, key, (2, int(points), z.shape[1]))
    rows = xp.astype(xp.floor(drawn[0, ...] * z.shape[0]), xp.int64)
    chosen = xp.take_along_axis(z, xp.minimum(rows, z.shape[0] - 1), axis=0)
    parts = -xp.log(drawn[1, ...])
    share = parts / xp.sum(parts, axis=0)
    return value - xp.reshape(xp.sum(share * chosen, axis=0), value.shape)


def through_data(points: int = 5) -> DataInitializer:
    """0 at first; then biases with which each unit is 0 at a random point among the first data.

    b_o = -sum_k s_k z_(n_k)o for random samples n_1 ... n_points of what the layer computes without
    its biases, z = x w, and random shares s that are uniform among those whose sum is 1. So the
    bends of a rectifier lie where the data are.

    Parameters
    ----------
    points : int, default 5
        The number of samples whose mixture is the point, at least 1.

    Raises
    ------
    ArgumentError
        If `points` is not a whole number of at least 1.

    References
    ----------
    Steinwart, "A sober look at neural network initializations", arXiv:1903.11482, 2019, there
    called he+.
    """
    return DataInitializer("through_data", (count("points", points),), _zeros, _through)
