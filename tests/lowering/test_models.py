"""Whole models: compiled steps train like single calls of NumPy."""

import numpy as np
import pytest

from xpnet.backends import select

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

# Of the first six steps; rounding errors grow with every step.
TOLERANCE = {"float32": 1e-4, "float64": 1e-10}
# The gradient of a bias before a batch norm is only rounding errors, but Adam makes full steps of
# them; the running means follow.
# So is that of a last bias under the hinge where it is a sum of thirds that cancel: two of the six
# steps are then of any length up to the learning rate, 1e-3.
ROUGH = {("layer batch norm", "float32"): 1e-2, ("loss multiclass_hinge", "float32"): 2e-3}


@pytest.fixture
def trained(monkeypatch):
    """``trained(entry, dtype, fast)``: losses and metrics, and what the model has learned."""

    def train(entry, dtype, fast):
        monkeypatch.setenv("XPNET_FAST", fast)
        select._numpy.cache_clear()
        X, y = entry.data()
        model = entry.model("numpy", dtype)
        assert model.backend.compiles == (fast == "1")
        # Batches of two sizes: 32, 32 and 6 rows.
        history = model.fit(X, y, epochs=2, batch_size=32, validation_data=(X[:9], y[:9]))
        columns = {name: history[name] for name in history.columns if name != "seconds"}
        return columns, model.state_dict(), model.predict(X[:1])

    yield train
    select._numpy.cache_clear()


def test_a_compiled_model_learns_the_same(trained, entry, each):
    """As single calls within rounding; and to the bit as the same fit again, in float32."""
    for dtype, usual in TOLERANCE.items():
        with each(dtype):
            within = ROUGH.get((str(entry), dtype), usual)
            compiled = trained(entry, dtype, "1")
            with each("single calls"):
                check_near(compiled, trained(entry, dtype, "0"), within)
            if dtype == "float32":
                with each("again"):
                    check_same(compiled, trained(entry, dtype, "1"))


def check_near(found, wanted, within):
    *tables, prediction = found
    for table, other in zip(tables, wanted, strict=False):
        assert table.keys() == other.keys()
        for name, array in table.items():
            np.testing.assert_allclose(array, other[name], rtol=within, atol=within, err_msg=name)
    np.testing.assert_allclose(prediction, wanted[-1], rtol=within, atol=within)


def check_same(found, again):
    *tables, prediction = found
    for table, other in zip(tables, again, strict=False):
        for name, array in table.items():
            np.testing.assert_array_equal(array, other[name], name)
    np.testing.assert_array_equal(prediction, again[-1])
