"""Logs on a full disk: one error of xpnet, and the model keeps its parameters."""

import os

import numpy as np
import pytest

import xpnet as xn

X, Y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
@pytest.mark.parametrize("kind", [xn.CSVLog, xn.JSONLinesLog])
def test_a_log_on_a_full_disk(kind):
    model = xn.MLP([3, 4, 2])
    with pytest.raises(xn.errors.WriteError, match=r"/dev/full cannot be written: .*No space"):
        model.fit(X, Y, epochs=2, callbacks=[kind("/dev/full")], verbose=False)
    assert np.isfinite(model.predict(X)).all()
    model.fit(X, Y, epochs=1, verbose=False)
