"""The estimators as on CuPy, with the stand-in: CuPy in, CuPy out, few transfers."""

import pickle
import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9")

import xpnet as xn
from xpnet.backends import backend_of, select

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)).astype("float32")
Y = X.argmax(axis=1)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def _fitted(kind: Any, X: Any, y: Any, **settings: Any) -> Any:
    return kind(**{"max_iter": 5, "random_state": 0, "batch_size": 20, **settings}).fit(X, y)


def _on_device(cupy: Any, *arrays: Any) -> list[Any]:
    return [cupy.asarray(a) for a in arrays]


@pytest.mark.parametrize("settings", [{}, {"early_stopping": True}, {"class_weight": "balanced"}])
def test_classes(cupy: Any, settings: dict[str, Any]) -> None:
    x, y = _on_device(cupy, X, Y)
    host, there = (
        _fitted(xn.MLPClassifier, X, Y, **settings),
        _fitted(xn.MLPClassifier, x, y, **settings),
    )
    np.testing.assert_allclose(there.loss_curve_, host.loss_curve_, rtol=1e-5)
    for method in ("predict", "predict_proba", "predict_log_proba", "transform"):
        found = getattr(there, method)(x)
        assert backend_of(found).name == "cupy"  # type: ignore[union-attr]
        np.testing.assert_allclose(found.get(), getattr(host, method)(X), rtol=1e-5, atol=1e-6)
    assert there.score(x, y) == host.score(X, Y)


@pytest.mark.parametrize("columns", [1, 2])
def test_numbers(cupy: Any, columns: int) -> None:
    targets = X[:, :columns].squeeze()
    x, y = _on_device(cupy, X, targets)
    host = _fitted(xn.MLPRegressor, X, targets, scale_target=True)
    there = _fitted(xn.MLPRegressor, x, y, scale_target=True)
    np.testing.assert_allclose(there.predict(x).get(), host.predict(X), rtol=1e-4, atol=1e-5)


def test_host_data_on_the_device(cupy: Any) -> None:
    there = _fitted(xn.MLPClassifier, X, Y, backend="cupy")
    host = _fitted(xn.MLPClassifier, X, Y)
    assert backend_of(there.coefs_[0]).name == "cupy"  # type: ignore[union-attr]
    found = there.predict_proba(X)
    assert type(found) is np.ndarray
    np.testing.assert_allclose(found, host.predict_proba(X), rtol=1e-5, atol=1e-6)


def test_training_on_the_device_reads_little(cupy: Any) -> None:
    """An epoch reads its first loss, its log and a flag; the data never leave the device."""
    x, y = _on_device(cupy, X, Y)
    reads = []
    for epochs in (5, 15):
        before = cupy.COUNTS["reads"]
        _fitted(xn.MLPClassifier, x, y, max_iter=epochs, tol=0)
        reads.append(cupy.COUNTS["reads"] - before)
    assert (reads[1] - reads[0]) / 10 <= 3


def test_other_data_than_those_of_the_fit_are_refused(cupy: Any) -> None:
    (x,) = _on_device(cupy, X)
    there = _fitted(xn.MLPClassifier, x, cupy.asarray(Y))
    with pytest.raises(ValueError, match="must use the same namespace"):
        there.predict(X)
    with pytest.raises(ValueError, match="must use the same namespace"):
        _fitted(xn.MLPClassifier, X, Y).predict(x)


def test_bad_data_on_the_device(cupy: Any) -> None:
    bad = X.copy()
    bad[3, 2] = np.nan
    for array, match in ((bad, "NaN"), (X[:, 0], "Expected 2D"), (X[:0], "empty")):
        with pytest.raises(ValueError, match=match):
            _fitted(xn.MLPRegressor, cupy.asarray(array), cupy.asarray(Y[: len(array)]))
    there = _fitted(xn.MLPClassifier, cupy.asarray(X), cupy.asarray(Y))
    with pytest.raises(ValueError, match="features"):
        there.predict(cupy.asarray(X[:, :3]))


@pytest.mark.parametrize("kind", [xn.MLPClassifier, xn.MLPRegressor])
def test_a_pickle_holds_host_arrays(cupy: Any, kind: Any) -> None:
    x, y = _on_device(cupy, X, Y)
    there = _fitted(kind, x, y, early_stopping=True)
    assert b"_values" in pickle.dumps(x)  # what an array of the stand-in pickles
    pickled = pickle.dumps(there)
    assert b"_values" not in pickled
    twin = pickle.loads(pickled)
    assert backend_of(twin.coefs_[0]).name == "cupy"  # type: ignore[union-attr]
    np.testing.assert_array_equal(twin.predict(x).get(), there.predict(x).get())


def test_a_pickle_of_the_device_loads_without_one(
    cupy: Any, standin_modules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = _fitted(xn.MLPClassifier, *_on_device(cupy, X, Y))
    wanted, pickled = there.predict_proba(cupy.asarray(X)).get(), pickle.dumps(there)
    for name in standin_modules:
        monkeypatch.setitem(sys.modules, name, None)
    select.probed.cache_clear()
    with pytest.warns(xn.errors.BackendFallbackWarning, match="loaded into NumPy"):
        twin = pickle.loads(pickled)
    np.testing.assert_allclose(twin.predict_proba(X), wanted, rtol=1e-6)
    assert type(twin.predict(X)) is np.ndarray
