"""Standardizing as in PyTorch, and features that do not vary."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from xpnet import ops, value_and_grad


def weighted(op, weights, epsilon):
    """A loss whose gradient with respect to the op's output is `weights`."""
    return value_and_grad(lambda x: ops.sum(op(x, epsilon=epsilon) * weights))


@pytest.mark.parametrize("epsilon", [1e-5, 0.3])
@pytest.mark.parametrize("name", ["features", "batch"])
def test_values_and_gradients_are_those_of_torch(name, epsilon):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = np.random.default_rng(0)
    x, weights = rng.normal(3, 2, (7, 5)), rng.normal(size=(7, 5))
    op = getattr(ops, f"standardize_{name}")
    got = op(x, epsilon=epsilon)
    _, gradient = weighted(op, weights, epsilon)(x)
    there = torch.tensor(x, requires_grad=True)
    if name == "features":
        wanted = torch.nn.functional.layer_norm(there, (5,), eps=epsilon)
    else:
        wanted = torch.nn.functional.batch_norm(there, None, None, training=True, eps=epsilon)
    (wanted * torch.tensor(weights)).sum().backward()
    assert_allclose(got, wanted.detach().numpy(), rtol=1e-12, atol=1e-13)
    assert_allclose(gradient, there.grad.numpy(), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", ["features", "batch"])
def test_mean_0_and_variance_1(name):
    axis = {"features": 1, "batch": 0}[name]
    y = getattr(ops, f"standardize_{name}")(np.random.default_rng(1).normal(5, 3, (40, 30)))
    assert_allclose(y.mean(axis), 0, atol=1e-14)
    assert_allclose(y.var(axis), 1, rtol=1e-5)


@pytest.mark.parametrize(("dtype", "limit"), [("float32", 1e19), ("float64", 1e154)])
def test_the_range_ends_where_the_squares_overflow(dtype, limit):
    """As the documentation says; a scaled form would take 1.6 times as long."""
    within, beyond = np.array([[-1, -1, 1, 1]]) * np.array([[0.99 * limit / 2], [2 * limit]])
    assert_allclose(ops.standardize_features(within.astype(dtype)[None]), [[-1, -1, 1, 1]])
    with np.errstate(over="ignore"):
        assert_allclose(ops.standardize_features(beyond.astype(dtype)[None]), 0)


def test_a_constant_row_is_0_up_to_rounding():
    """0.1 is not a binary fraction: the mean of three differs slightly."""
    y = ops.standardize_features(np.full((2, 3), 0.1))
    assert_allclose(y, 0, atol=1e-13)
