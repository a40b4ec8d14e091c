"""Gathering into given memory: the offsets of a large table's rows."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from xpnet.backends.cpu import NumpyBackend
from xpnet.kernels import Recorder
from xpnet.kernels.out.gather_kernels import flat_offsets


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_places_beyond_the_numbers_of_32_bits(dtype):
    """Of 70,000 rows of 65,536 elements: too many for the indices' type."""
    ids, recorder = np.array([[0], [69_999]], dtype), Recorder(NumpyBackend())
    offsets = flat_offsets(recorder, ids, 65_536)
    for call in recorder.calls:
        call()
    assert_array_equal(
        offsets[:, 0, [0, -1]], [[0, 65_535], [69_999 * 65_536, 70_000 * 65_536 - 1]]
    )
