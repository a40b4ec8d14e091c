"""Means and checksums of data: read in chunks, and the same for arrays and sources."""

import tracemalloc

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import get
from xpnet.data.arrays import Data
from xpnet.data.stored_column import StoredColumn


@pytest.mark.smoke
def test_digests_take_less_than_a_hundredth_of_the_memory_of_the_data() -> None:
    x = np.random.default_rng(0).random((50_000, 200), dtype="float32")
    y = np.arange(50_000)
    data = Data(get("numpy"), x, y)
    tracemalloc.start()
    try:
        found = data.means, data.checksums
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.01 * x.nbytes
    np.testing.assert_allclose(found[0], [x.mean(dtype="float64"), y.mean()], rtol=1e-12)


def test_digests_of_sources_are_those_of_the_numbers_that_a_model_sees() -> None:
    x = np.random.default_rng(0).random((5000, 301))
    column = StoredColumn("X", xn.data.open(x), x.shape, "float32")
    host = get("numpy")
    there, here = Data(host, column), Data(host, x.astype("float32"))
    assert there.checksums == here.checksums
    assert there.means == here.means
