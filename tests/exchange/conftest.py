"""Twenty random networks, functions of many ops, and what is meant by equal results."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet import ops

ACTIVATIONS = [
    *(getattr(xn, name) for name in "ReLU SELU SiLU Mish Softplus Softsign Sigmoid Tanh".split()),
    *(xn.HardSigmoid, xn.HardTanh, xn.GELU, xn.ELU, xn.LeakyReLU, xn.PReLU, xn.Identity),
    lambda: xn.GELU("tanh"),
    lambda: xn.ELU(0.7),
    lambda: xn.LeakyReLU(0.2),
    lambda: xn.PReLU(shared=True, init=0.1),
]
OTHERS = [xn.BatchNorm, xn.LayerNorm, lambda: xn.Dropout(0.2), lambda: xn.BatchNorm(affine=False)]


@dataclass
class Drawn:
    """A model that has been trained a little, and samples."""

    model: xn.Model
    X: np.ndarray


def _layers(rng: np.random.Generator) -> list[Any]:
    layers: list[Any] = []
    for _ in range(rng.integers(1, 5)):
        layers.append(xn.Dense(int(rng.integers(2, 150)), bias=bool(rng.integers(5))))
        layers += [rng.choice(OTHERS)() for _ in range(rng.integers(2))]
        layers.append(rng.choice(ACTIVATIONS)())
    return [*layers, xn.Dense(int(rng.integers(2, 12)))]


def draw(seed: int, dtype: str = "float32") -> Drawn:
    """The network of this number."""
    rng = np.random.default_rng(seed)
    layers = _layers(rng)
    if seed % 4 == 3:
        X: Any = rng.integers(0, 20, (60, 5))
        net = xn.Sequential(xn.Embedding(20, 7), xn.Flatten(), xn.Sequential(*layers))
    else:
        X, net = rng.normal(size=(60, int(rng.integers(1, 200)))), xn.Sequential(*layers)
    model = xn.Model(net, optimizer=xn.Adam(0.01), seed=seed, dtype=dtype)
    model.fit(X, rng.integers(0, layers[-1].units, 60), epochs=3, batch_size=20, verbose=False)
    return Drawn(model, X.astype(dtype))


@pytest.fixture(params=range(20))
def drawn(request: pytest.FixtureRequest) -> Drawn:
    """Each of twenty random networks in turn, in float32."""
    return draw(request.param)


@pytest.fixture
def equal() -> Callable[..., None]:
    """Asserts that two results differ by at most 2e-6 (float64: 1e-13) of the largest number.

    If all are below 0.1, they are differences of larger numbers, and 0.1 takes the largest's place.
    """

    def check(a: Any, b: Any) -> None:
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        limit = 2e-6 if a.dtype == np.float32 else 1e-13
        assert np.abs(a - b).max() <= limit * max(0.1, np.abs(b).max())

    return check


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "expm1": lambda x: ops.expm1(x * 1e-3),
    "log1p": lambda x: ops.log1p(ops.abs(x) * 1e-3),
    "log1p of 0 and of much": lambda x: ops.log1p(ops.relu(x) * 1e5),
    "log_cosh": ops.log_cosh,
    "huber": lambda x: ops.huber(x, delta=0.5),
    "pinball": lambda x: ops.pinball(x, quantile=0.3),
    "focal": lambda x: ops.focal(ops.abs(x), gamma=2.0),
    "erf": ops.erf,
    "sin and cos": lambda x: ops.sin(x) + ops.cos(x),
    "powers": lambda x: ops.sqrt(ops.abs(x)) + x**2 + 2.0**x,
    "exp and log": lambda x: ops.log(1 + ops.exp(x)),
    "extremes": lambda x: (
        ops.maximum(x, 0.1) - ops.minimum(-x, 0.2) + ops.max(x, axis=-1, keepdims=True)
    ),
    "sums": lambda x: (
        x - ops.mean(x, axis=-1, keepdims=True) / ops.sum(x * x, axis=1, keepdims=True)
    ),
    "step": lambda x: ops.step(x, threshold=0.1),
    "negative": lambda x: -x / 3,
    "slices": lambda x: ops.concat(x[:, 1:], x[..., :2], axis=1),
    "products": lambda x: ops.matmul(ops.reshape(x, shape=(-1, 2, 3)), x_t(x)),
    "one hot": lambda x: ops.one_hot(ops.as_index(ops.relu(x)), classes=3, dtype=x.dtype),
    "constraints": lambda x: ops.unit_norm(x, axis=-1) + ops.max_norm(x, limit=0.5, axis=-1),
    "flush": lambda x: ops.flush_to_zero(x, below=0.3),
    "stack": lambda x: ops.affine(
        ops.reshape(x, shape=(-1, 1, 1, 6)), np.ones((2, 6, 3)), np.ones((2, 3))
    ),
}


def x_t(x: Any) -> Any:
    return ops.reshape(x, shape=(-1, 2, 3)).mT


@pytest.fixture(params=FUNCTIONS)
def function(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    """Each of several functions of ops, of a symbolic value with six columns."""
    return FUNCTIONS[request.param]
