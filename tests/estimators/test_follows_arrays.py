"""Everything follows X: its library is that of weights and results, where nothing else is said.

scikit-learn's own checks compare namespaces, shapes and types; here the numbers are compared.
"""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9")

from sklearn import config_context
from sklearn.datasets import load_digits

import xpnet as xn
from xpnet.backends import backend_of, get, status
from xpnet.estimators.array_library import on_host

X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]
NAMES = np.array(list("abcdefghij"))[Y]
CUPY = {s.name: s for s in status()}["cupy"]

gpu = [pytest.mark.gpu, pytest.mark.skipif(not CUPY.usable, reason=CUPY.reason)]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def _jax_in_double_precision(request):
    """Estimators train in the type of X, and the numbers are compared closely."""
    if (
        getattr(request.node, "callspec", None)
        and request.node.callspec.params.get("name") == "jax"
    ):
        request.getfixturevalue("jax64")


def library(name):
    pytest.importorskip(name)
    if name == "torch":
        import array_api_compat.torch as torch

        return get(torch)
    return get("cupy") if name == "cupy" else get(__import__(name))


def pair(kind, name, X=X, y=Y, weight=None, **settings):
    """The estimator fitted on NumPy arrays, and on those of another library."""
    settings = {"max_iter": 6, "random_state": 0, **settings}
    other = library(name)
    moved = [None if a is None or a.dtype.kind == "U" else other.asarray(a) for a in (X, y, weight)]
    host = kind(**settings).fit(X, y, sample_weight=weight)
    with config_context(array_api_dispatch=name != "cupy"):
        there = kind(**settings).fit(moved[0], y if moved[1] is None else moved[1], moved[2])
    return host, there, moved[0]


def assert_alike(host, there, x, method, X=X):
    with config_context(array_api_dispatch=backend_of(x).name != "cupy"):
        found = getattr(there, method)(x)
    assert backend_of(found).name == backend_of(x).name
    np.testing.assert_allclose(on_host(found), getattr(host, method)(X), rtol=1e-6, atol=1e-8)


libraries = pytest.mark.parametrize(
    "name",
    [
        "array_api_strict",
        "torch",
        "jax",
        pytest.param("cupy", marks=gpu),
    ],
)


@libraries
@pytest.mark.parametrize(
    "settings",
    [{}, {"early_stopping": True}, {"solver": "lbfgs"}, {"class_weight": "balanced"},
     {"solver": "sgd", "learning_rate": "invscaling"}],
    ids=str,
)  # fmt: skip
def test_classes(name, settings):
    if name == "jax" and ("class_weight" in settings or "learning_rate" in settings):
        pytest.skip("each fit is compiled; these settings are computed outside of its steps")
    weight = np.random.default_rng(0).random(len(Y))
    host, there, x = pair(xn.MLPClassifier, name, weight=weight, **settings)
    np.testing.assert_allclose(there.loss_curve_, host.loss_curve_, rtol=1e-6)
    for method in ("predict", "predict_proba", "predict_log_proba", "transform"):
        assert_alike(host, there, x, method)
    assert {backend_of(w).name for w in there.coefs_ + there.intercepts_} == {backend_of(x).name}


@libraries
def test_several_labels(name):
    host, there, x = pair(
        xn.MLPClassifier, name, y=np.stack([Y > 4, Y % 2], axis=1).astype("int64")
    )
    for method in ("predict", "predict_proba"):
        assert_alike(host, there, x, method)


@libraries
@pytest.mark.parametrize("columns", [1, 2])
def test_numbers(name, columns):
    y = np.stack([Y * 100.0, Y % 3 + 7.0][:columns], axis=1).squeeze()
    host, there, x = pair(xn.MLPRegressor, name, y=y, scale_target=True)
    assert_alike(host, there, x, "predict")


@libraries
def test_names_of_classes(name):
    host, there, x = pair(xn.MLPClassifier, name, y=NAMES)
    with config_context(array_api_dispatch=name != "cupy"):
        np.testing.assert_array_equal(there.predict(x), host.predict(X))
        assert there.score(x, NAMES) == host.score(X, NAMES)


@libraries
def test_partial_fit_and_weights_of_ones_own(name):
    _, there, x = pair(xn.MLPClassifier, name)
    with config_context(array_api_dispatch=name != "cupy"):
        there.partial_fit(x, library(name).asarray(Y))
        assert len(there.loss_curve_) == 7
        there.intercepts_[-1] = library(name).asarray(np.where(np.arange(10) == 4, 1e3, 0.0))
        assert (on_host(there.predict(x)) == 4).all()


@libraries
def test_a_pickle_holds_host_arrays(name):
    _, there, x = pair(xn.MLPClassifier, name)
    state = there.__getstate__()
    assert type(state["classes_"]) is np.ndarray
    assert "coefs_" not in state
    with config_context(array_api_dispatch=name != "cupy"):
        twin = pickle.loads(pickle.dumps(there))
        np.testing.assert_array_equal(on_host(twin.predict(x)), on_host(there.predict(x)))


@libraries
def test_another_library_than_that_of_the_fit_is_refused(name):
    _, there, _ = pair(xn.MLPClassifier, name)
    with (
        config_context(array_api_dispatch=name != "cupy"),
        pytest.raises(ValueError, match="must use the same namespace"),
    ):
        there.predict(X)


@pytest.mark.parametrize("name", ["array_api_strict", "jax", pytest.param("cupy", marks=gpu)])
def test_a_backend_computes_elsewhere_and_returns_what_came_in(name):
    library(name)
    there = xn.MLPClassifier(backend=name, max_iter=6, random_state=0).fit(X, Y)
    host = xn.MLPClassifier(max_iter=6, random_state=0).fit(X, Y)
    assert backend_of(there.coefs_[0]).name == name
    found = there.predict_proba(X)
    assert type(found) is np.ndarray
    np.testing.assert_allclose(found, host.predict_proba(X), rtol=1e-6, atol=1e-8)
    assert type(there.predict(X)) is np.ndarray
