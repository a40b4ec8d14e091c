"""Dropout and Gaussian noise: which numbers change; only the key decides."""

import math
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from xpnet import ops
from xpnet.errors import DTypeError
from xpnet.graph import Graph

SHAPE = (100, 200)
KEY = {"seed": 3, "stream": 17}


def dropped(x, step=0, rate=0.3, **key):
    return ops.dropout(x, np.array(step), rate=rate, **(KEY | key))


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_a_share_falls_and_the_mean_stays(rate):
    y = dropped(np.ones(SHAPE), rate=rate)
    assert set(np.unique(y)) <= {0.0, 1 / (1 - rate)}
    spread = math.sqrt(rate * (1 - rate) / y.size)
    assert abs((y == 0).mean() - rate) <= 4 * spread


def test_each_part_of_the_key_and_the_step_counts():
    x = np.ones(SHAPE)
    first = dropped(x)
    assert_array_equal(dropped(x), first)
    for other in ({"step": 1}, {"step": 2**40}, {"seed": 4}, {"stream": 18}):
        share = (dropped(x, **other) != first).mean()
        assert abs(share - 2 * 0.3 * 0.7) < 0.02


def test_neighbors_fall_independently():
    keep = (dropped(np.ones(SHAPE), rate=0.5) > 0) - 0.5
    for shifted in (keep[1:] * keep[:-1], keep[:, 1:] * keep[:, :-1]):
        assert abs(shifted.mean() * 4) < 4 / math.sqrt(shifted.size)


def test_what_falls_is_0_even_where_x_is_not_finite(xp):
    x = np.resize([np.inf, -np.inf, np.nan, 1.0], (8, 8))
    with np.errstate(all="ignore"):
        y = compute(xp, ops.dropout, x, 5, rate=0.5)
    kept = dropped(np.ones((8, 8)), 5, rate=0.5) > 0
    assert_array_equal(y, np.where(kept, x * 2, 0))


def test_every_library_drops_the_same_numbers(xp, each):
    for dtype, step in product(("float32", "float64"), (0, 3, 2**33 + 1)):
        with each(dtype, step=step):
            x = np.random.default_rng(0).normal(size=(13, 7)).astype(dtype)
            found = compute(xp, ops.dropout, x, step, rate=0.4)
            assert_array_equal(found, dropped(x, step, rate=0.4))


def test_every_library_adds_the_same_noise(xp, each):
    for dtype in ("float32", "float64"):
        with each(dtype):
            x = np.random.default_rng(0).normal(size=(13, 7)).astype(dtype)
            wanted = ops.gaussian_noise(x, np.array(4), std=0.5, **KEY)
            found = compute(xp, ops.gaussian_noise, x, 4, std=0.5)
            assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def test_noise_has_its_mean_and_deviation():
    z = ops.gaussian_noise(np.full(SHAPE, 2.0), np.array(1), std=0.5, **KEY)
    assert abs(z.mean() - 2) < 0.02
    assert abs(z.std() - 0.5) < 0.01


def test_a_number_for_the_step():
    """An integer input accepts a Python integer; a fraction is refused."""
    graph = Graph()
    x = graph.input("x", (3,), "float32")
    ops.dropout(x, 5, rate=0.5, **KEY)
    (step,) = graph.constants
    assert (step.data, step.dtype) == (5, "int64")
    with pytest.raises(DTypeError, match="dropout needs an integer type for step, got float64"):
        ops.dropout(x, 0.5, rate=0.5, **KEY)


def compute(xp, op, x, step, **settings):
    """The op's output by a graph whose step is an input, as a NumPy array."""
    graph = Graph()
    a = graph.input("x", x.shape, str(x.dtype))
    b = graph.input("step", (), "int64")
    y = op(a, b, **settings, **KEY)
    return xp.to_numpy(xp.compute(graph, {a: x, b: np.array(step)}, [y])[0])
