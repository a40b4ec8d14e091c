"""Steps by the gradients of several batches, added up: those of one large batch."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import xpnet as xn
from xpnet.backends.generic import GenericBackend

RNG = np.random.default_rng(0)
X = RNG.normal(size=(256, 5))
LABELS = (X[:, :3]).argmax(axis=1)
REAL = X[:, :3] ** 2
TARGETS = {
    "softmax_cross_entropy": LABELS,
    "mean_squared_error": REAL,
    "binary_cross_entropy_with_logits": np.eye(3)[LABELS],
}


def _net() -> Any:
    return xn.Sequential(xn.Dense(6, "tanh", kernel_penalty=xn.L2(0.1)), xn.Dense(3))


def _fit(loss: str, backend: Any, batch_size: int, **settings: Any) -> tuple[dict[str, Any], Any]:
    model = xn.Model(_net(), loss, xn.Adam(0.01), backend=backend, dtype="float64", seed=1)
    history = model.fit(
        X, TARGETS[loss], epochs=3, batch_size=batch_size, verbose=False, **settings
    ).to_dict()
    return history, model.state_dict()


@pytest.mark.parametrize("backend", ["numpy", GenericBackend(np)], ids=["plan", "interpreter"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", TARGETS)
def test_four_batches_are_one_of_their_size(loss: str, weighted: bool, backend: Any) -> None:
    settings = {"sample_weight": np.arange(256) % 5 / 2.0} if weighted else {}
    history, state = _fit(loss, backend, 32, accumulate=4, **settings)
    wanted, expected = _fit(loss, backend, 128, **settings)
    for name in wanted.keys() - {"seconds"}:
        assert_allclose(history[name], wanted[name], rtol=1e-12, err_msg=name)
    for name, array in expected.items():
        assert_allclose(state[name], array, rtol=1e-12, atol=1e-14, err_msg=name)
