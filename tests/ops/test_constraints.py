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


@pytest.mark.parametrize("op", [lambda w: ops.max_norm(w, limit=1.0), ops.unit_norm])
def test_a_vector_has_no_axis_of_incoming_weights(op):
    with pytest.raises(ShapeError, match="axis -2 does not exist in an array of 1 dimensions"):
        op(np.ones(3))
