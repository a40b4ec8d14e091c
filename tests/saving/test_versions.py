"""Files that earlier versions wrote, which every later one must load."""

from pathlib import Path

import numpy as np
import pytest

import xpnet as xn

FILES = sorted((Path(__file__).parent / "files").glob("model-v*.safetensors"))


def test_there_is_one_of_each_version():
    assert [file.stem for file in FILES] == ["model-v1"]
    assert all(file.stat().st_size < 20_000 for file in FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_predicts_what_it_did_and_trains_on(file):
    """The file holds inputs, targets and what its own version predicted."""
    model = xn.load(file)
    kept = model.preprocessing
    X, y = np.array(kept["X"], dtype="float32"), np.array(kept["y"])
    np.testing.assert_allclose(model.predict(X), kept["expected"], rtol=1e-5, atol=1e-6)
    assert (model.epoch, model.engine.state.updates) == (2, 2)
    history = model.fit(X, y, epochs=2)
    np.testing.assert_allclose(history["loss"], kept["loss"], rtol=1e-4)
