"""The same random_state gives scikit-learn's loss curve, weights and predictions."""

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9")

from sklearn import neural_network
from sklearn.datasets import load_digits

import xpnet

DIGITS, LABELS = (part[:850] for part in load_digits(return_X_y=True))
DIGITS = DIGITS / 16
WEIGHTS = np.random.default_rng(0).random(len(LABELS))
TARGETS = np.stack([LABELS, LABELS % 3, DIGITS[:, 20]], axis=1)

SOLVERS = {
    "adam": {},
    "adam, epsilon": {"epsilon": 1e-3, "beta_1": 0.8, "beta_2": 0.9},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.1},
    "sgd without momentum": {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.1},
    "sgd without Nesterov": {"solver": "sgd", "nesterovs_momentum": False},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5,
                   "power_t": 0.3},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.3,
                 "tol": 0.01, "n_iter_no_change": 1, "max_iter": 40},
    "alpha": {"alpha": 3.0, "batch_size": 64},
    "logistic": {"activation": "logistic", "hidden_layer_sizes": (20, 10)},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "unshuffled": {"shuffle": False, "activation": "tanh"},
    "early stopping": {"early_stopping": True, "tol": 0.01, "n_iter_no_change": 2, "max_iter": 50},
    "patience": {"tol": 0.05, "n_iter_no_change": 2, "max_iter": 100},
}  # fmt: skip


def both(kind, X, y, weight=None, **settings):
    """scikit-learn's estimator and ours, fitted alike."""
    settings = {"max_iter": 10, "random_state": 3, "hidden_layer_sizes": 30, **settings}
    kinds = getattr(neural_network, kind), getattr(xpnet, kind)
    return [k(**settings).fit(X, y, sample_weight=weight) for k in kinds]


def assert_equal(theirs, ours, X=DIGITS):
    assert type(ours).__module__.startswith("xpnet.")
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-8)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("loss_", "best_loss_", "best_validation_score_"):
        want = getattr(theirs, name)
        assert getattr(ours, name) == (want if want is None else pytest.approx(want)), name
    assert ours._no_improvement_count == theirs._no_improvement_count
    if theirs.validation_scores_ is not None:
        np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=1e-8)
    for mine, want in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_,
                          strict=True):  # fmt: skip
        np.testing.assert_allclose(mine, want, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6, atol=1e-9)


pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", SOLVERS)
def test_classes(name, weight):
    theirs, ours = both("MLPClassifier", DIGITS, LABELS, weight, **SOLVERS[name])
    assert_equal(theirs, ours)
    found, want = (m.predict_log_proba(DIGITS) for m in (ours, theirs))
    np.testing.assert_allclose(found, want, rtol=1e-6)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)


@pytest.mark.parametrize("y", [LABELS > 4, (TARGETS[:, :2] > 2).astype(int)], ids=["two", "labels"])
@pytest.mark.parametrize("name", ["adam", "sgd", "early stopping"])
def test_two_classes_and_several_labels(name, y):
    theirs, ours = both("MLPClassifier", DIGITS, y, **SOLVERS[name])
    assert_equal(theirs, ours)
    np.testing.assert_allclose(ours.predict_proba(DIGITS), theirs.predict_proba(DIGITS), rtol=1e-6)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("y", [LABELS.astype(float), TARGETS], ids=["one", "three"])
@pytest.mark.parametrize("name", ["adam", "alpha", "early stopping", "invscaling"])
def test_regression(name, y, loss):
    settings = SOLVERS[name] | ({"learning_rate_init": 0.01} if name == "invscaling" else {})
    assert_equal(*both("MLPRegressor", DIGITS, y, loss=loss, **settings))


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_lbfgs(kind):
    theirs, ours = both(kind, DIGITS, LABELS, WEIGHTS, solver="lbfgs", max_iter=20)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-6)
    np.testing.assert_allclose(ours.predict(DIGITS), theirs.predict(DIGITS), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_going_on(kind, solver):
    """A warm start with other settings, then epochs one by one."""
    theirs, ours = both(kind, DIGITS, LABELS, warm_start=True, max_iter=3, solver=solver)
    for model in (theirs, ours):
        model.set_params(alpha=1.0, learning_rate_init=0.02, max_iter=4)
        model.fit(DIGITS, LABELS)
        for _ in range(3):
            model.partial_fit(DIGITS, LABELS)
    assert len(ours.loss_curve_) == 10
    assert_equal(theirs, ours)


def test_in_float32_as_near_as_it_can_be():
    theirs, ours = both("MLPClassifier", DIGITS.astype("float32"), LABELS)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-4)
    assert {w.dtype for w in ours.coefs_ + ours.intercepts_} == {np.dtype("float32")}


def test_a_random_state_that_goes_on():
    random = [np.random.RandomState(5) for _ in range(2)]
    kinds = neural_network.MLPClassifier, xpnet.MLPClassifier
    for _ in range(2):
        theirs, ours = (
            kind(random_state=r, max_iter=3, early_stopping=True).fit(DIGITS, LABELS)
            for kind, r in zip(kinds, random, strict=True)
        )
        assert_equal(theirs, ours)
