"""Constraints on weights: within the limit nothing moves, and zero columns stay zero."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from xpnet import ops
from xpnet.errors import ShapeError


def test_what_is_within_the_limit_keeps_its_bits():
    w = np.array([[0.3, 3.0], [0.4, 4.0]], "float32")
    got = ops.max_norm(w, limit=2.0)
    assert got.dtype == np.float32
    assert_array_equal(got[:, 0], w[:, 0])
    assert_allclose(np.linalg.norm(got[:, 1]), 2, rtol=1e-6)
    assert_allclose(got[1, 1] / got[0, 1], 4 / 3, rtol=1e-6)


@pytest.mark.parametrize("op", [lambda w: ops.max_norm(w, limit=1.0), ops.unit_norm])
def test_a_zero_column_stays_zero(xp, op):
    got = xp.to_numpy(op(xp.asarray(np.array([[0.0, 3.0], [0.0, 4.0]]))))
    assert_allclose(got, [[0, 0.6], [0, 0.8]], rtol=1e-15)


SIZES = {"float32": [1e-45, 1e-40, 1e-25, 1.0, 2e19, 1e38], "float64": [5e-324, 1e-200, 1.0, 1e308]}


@pytest.mark.parametrize("dtype", list(SIZES))
def test_columns_of_any_size(xp, dtype):
    """The squares of most of them exceed the range of the type."""
    sizes = np.array(SIZES[dtype], dtype)
    w = xp.asarray(np.array([[1], [-1], [1], [0], [1]], dtype) * sizes)
    unit = np.array([[0.5], [-0.5], [0.5], [0], [0.5]]) * np.ones_like(sizes)
    rounding = 2 * np.finfo(dtype).eps
    assert_allclose(xp.to_numpy(ops.unit_norm(w)), unit, rtol=rounding)
    wanted = np.where(2.0 * sizes.astype("longdouble") > 3, 3 * unit, xp.to_numpy(w))
    assert_allclose(xp.to_numpy(ops.max_norm(w, limit=3.0)), wanted, rtol=rounding)


@pytest.mark.parametrize("op", [lambda w: ops.max_norm(w, limit=1.0), ops.unit_norm])
def test_what_is_not_finite_is_not_hidden(xp, op):
    w = np.array([[np.inf, np.nan, 0.6], [1.0, 1.0, 0.8]])
    with np.errstate(invalid="ignore"):
        got = xp.to_numpy(op(xp.asarray(w)))
    assert_allclose(got, [[np.nan, np.nan, 0.6], [0, np.nan, 0.8]], rtol=1e-15)


@pytest.mark.parametrize("op", [lambda w: ops.max_norm(w, limit=1.0), ops.unit_norm])
def test_a_vector_has_no_axis_of_incoming_weights(op):
    with pytest.raises(ShapeError, match="axis -2 does not exist in an array of 1 dimensions"):
        op(np.ones(3))
