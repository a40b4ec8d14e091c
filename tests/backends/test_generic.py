"""Namespaces that follow the Array API standard and nothing more."""

from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import get
from xpnet.backends.base import PlannedBackend


@pytest.fixture(params=["array_api_strict", "torch"])
def xp(request: pytest.FixtureRequest) -> Any:
    """A library without a backend of its own, and one with one."""
    return pytest.importorskip(request.param)


def test_is_run_by_the_interpreter() -> None:
    backend = get(pytest.importorskip("array_api_strict"))
    assert not isinstance(backend, PlannedBackend)
    assert backend.raw is None
    assert backend.families == ()


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "bool", "uint8"])
def test_values_go_there_and_back(xp: Any, dtype: str) -> None:
    backend = get(xp)
    there = backend.asarray(np.array([[1, 0], [2, 3]]), dtype)
    assert backend.owns(there)
    back = backend.to_numpy(there)
    assert isinstance(back, np.ndarray)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, np.array([[1, 0], [2, 3]]).astype(dtype))


@pytest.mark.smoke
def test_asarray_copies_only_to_convert(xp: Any) -> None:
    backend = get(xp)
    x = backend.asarray([1.0, 2.0], "float32")
    assert backend.asarray(x) is x or backend.to_numpy(backend.asarray(x)).tolist() == [1, 2]
    assert backend.asarray(x, "float32") is x
    assert backend.asarray(x, "float64") is not x


def test_a_copy_has_memory_of_its_own(xp: Any) -> None:
    backend = get(xp)
    x = backend.asarray([1.0, 2.0], "float32")
    y = backend.copy(x)
    y[0] = 5.0
    assert backend.to_numpy(x).tolist() == [1.0, 2.0]


def test_zeros_and_take(xp: Any) -> None:
    backend = get(xp)
    assert backend.to_numpy(backend.zeros((2, 3), "float64")).tolist() == [[0.0] * 3] * 2
    rows = backend.take(backend.asarray([[1.0], [2.0], [3.0]]), backend.asarray([2, 0], "int64"))
    assert backend.to_numpy(rows).tolist() == [[3.0], [1.0]]


def test_owns_only_its_own(xp: Any) -> None:
    backend = get(xp)
    assert not backend.owns(np.ones(2))
    assert not backend.owns([1.0])
    assert not get("numpy").owns(backend.zeros((1,), "float32"))


def test_torch_that_tracks_gradients_is_exported() -> None:
    torch = pytest.importorskip("torch")
    x = torch.ones(2, requires_grad=True)
    assert get(torch).to_numpy(x).tolist() == [1.0, 1.0]


def test_says_what_it_is(xp: Any) -> None:
    assert repr(get(xp)) == f"<{type(get(xp)).__name__} {get(xp).name!r}>"


def test_trains_as_numpy_does(xp: Any) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 4)).astype("float32")
    y = (X[:, 0] > 0).astype("int64")
    models = [xn.MLP([4, 8, 2], backend=backend) for backend in ("numpy", xp)]
    losses = [m.fit(X, y, epochs=3, batch_size=16, verbose=False)["loss"] for m in models]
    np.testing.assert_allclose(*losses, rtol=1e-4)
    np.testing.assert_allclose(*(m.predict(X) for m in models), rtol=1e-3, atol=1e-5)
