"""Initial values of parameters. Each function returns an initializer ``init(xp, key, shape)``.

The fan-in and fan-out of a weight of shape (in, out) are its two lengths. A vector, such as a
layer's biases, has no fans: use constants, `normal`, `uniform` or `truncated_normal`.
`unit_variance` and `through_data` also depend on the first data; see `Model.initialize`.
"""

from xpnet.nn.init.distributions import constant, normal, ones, truncated_normal, uniform, zeros
from xpnet.nn.init.from_data import DataInitializer, through_data, unit_variance
from xpnet.nn.init.initializer import Initializer
from xpnet.nn.init.names import get
from xpnet.nn.init.orthogonal import orthogonal
from xpnet.nn.init.scaled import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
)

__all__ = [
    "DataInitializer",
    "Initializer",
    "constant",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "through_data",
    "truncated_normal",
    "uniform",
    "unit_variance",
    "zeros",
]
