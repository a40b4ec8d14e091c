"""A model's file does not depend on the backend: written on one, read on the other."""

from typing import Any

import numpy as np

import xpnet as xn


def test_from_cupy_to_numpy_and_back(cupy: Any, tmp_path: Any) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 4)), rng.integers(0, 3, 40)
    path = tmp_path / "model.safetensors"
    there = xn.MLP([4, 8, 3], backend="cupy")
    there.fit(X, y, epochs=1, batch_size=16)
    there.save(path, optimizer_state=True)
    here, again = xn.load(path, "numpy"), xn.load(path, "cupy")
    assert (here.backend.name, again.backend.name) == ("numpy", "cupy")
    for name, array in there.state_dict().items():
        np.testing.assert_array_equal(here.parameters[name], array.get())
        np.testing.assert_array_equal(again.parameters[name].get(), array.get())
    wanted = there.fit(X, y, epochs=2, batch_size=16)
    assert again.fit(X, y, epochs=2, batch_size=16)["loss"] == wanted["loss"]
    found = here.fit(X, y, epochs=2, batch_size=16)["loss"]
    np.testing.assert_allclose(found, wanted["loss"], rtol=1e-5)
