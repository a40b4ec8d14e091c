"""scikit-learn computes what xpnet computes, both ways."""

import pickle
import sys
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import ArgumentError, GraphError, MissingDependencyError
from xpnet.exchange import from_sklearn, to_sklearn

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")
neural = pytest.importorskip("sklearn.neural_network")
pytestmark = pytest.mark.filterwarnings("ignore:.*Maximum iterations.*", "ignore:.*max_iter.*")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
LABELS = {
    "two classes": np.array(["no", "yes"])[RNG.integers(0, 2, 60)],
    "three classes": RNG.integers(4, 7, 60),
    "several labels": RNG.integers(0, 2, (60, 3)),
}
VALUES = {
    "one value": ({}, RNG.normal(size=60)),
    "two values": ({}, RNG.normal(size=(60, 2))),
    "counts": ({"loss": "poisson"}, RNG.integers(0, 5, 60)),
}
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]


def same(a: Any, b: Any) -> None:
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("target", LABELS)
def test_classifier_there_and_back(target: str, activation: str) -> None:
    y = LABELS[target]
    fitted = neural.MLPClassifier((7, 4), activation, max_iter=5, random_state=0).fit(X, y)
    model = from_sklearn(fitted)
    end = xn.ops.softmax if target == "three classes" else xn.ops.sigmoid
    wanted = fitted.predict_proba(X)
    np.testing.assert_allclose(
        end(model.predict(X)), wanted[:, 1:] if target == "two classes" else wanted, rtol=1e-12
    )
    back = to_sklearn(model, None if y.ndim > 1 else fitted.classes_)
    for again in (back, pickle.loads(pickle.dumps(back))):
        same(again.predict_proba(X), wanted)
        np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
        assert again.predict(X).dtype == fitted.predict(X).dtype
        assert again.score(X, y) == fitted.score(X, y)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("target", VALUES)
def test_regressor_there_and_back(target: str, activation: str) -> None:
    settings, y = VALUES[target]
    fitted = neural.MLPRegressor(
        hidden_layer_sizes=(7,), activation=activation, max_iter=5, random_state=0, **settings
    ).fit(X, y)
    model = from_sklearn(fitted)
    output = np.exp(model.predict(X)) if target == "counts" else model.predict(X)
    np.testing.assert_allclose(output.reshape(y.shape), fitted.predict(X), rtol=1e-12)
    back = to_sklearn(model)
    for again in (back, pickle.loads(pickle.dumps(back))):
        same(again.predict(X), fitted.predict(X))
        assert again.score(X, y) == pytest.approx(fitted.score(X, y), rel=1e-12)


def test_the_model_goes_on_where_scikit_learn_stopped() -> None:
    y = LABELS["three classes"] - 4
    fitted = neural.MLPClassifier((7,), max_iter=5, random_state=0, alpha=0.0).fit(X, y)
    model = from_sklearn(fitted)
    assert model.evaluate(X, y)["loss"] == pytest.approx(
        sklearn.metrics.log_loss(y, fitted.predict_proba(X))
    )
    before = model.evaluate(X, y)["loss"]
    assert model.fit(X, y, epochs=5, verbose=False)["loss"][-1] < before


@pytest.mark.smoke
def test_float32_and_settings() -> None:
    fitted = neural.MLPClassifier((3,), max_iter=2, random_state=0).fit(
        X.astype("float32"), LABELS["three classes"]
    )
    model = from_sklearn(fitted, optimizer="sgd", seed=3)
    assert (model.dtype, model.seed) == ("float32", 3)
    assert from_sklearn(fitted, dtype="float64").dtype == "float64"
    assert to_sklearn(model).coefs_[0].dtype == np.float32


def test_no_hidden_layer() -> None:
    fitted = neural.MLPClassifier((), max_iter=5, random_state=0).fit(X, LABELS["three classes"])
    back = to_sklearn(from_sklearn(fitted), fitted.classes_)
    same(back.predict_proba(X), fitted.predict_proba(X))
    assert back.hidden_layer_sizes == ()


def test_two_columns_become_one_logistic_output() -> None:
    model = xn.MLP([5, 4, 2], "tanh", dropout=0.2, dtype="float64")
    found = to_sklearn(model)
    assert (found.out_activation_, found.n_outputs_, len(found.coefs_)) == ("logistic", 1, 2)
    same(found.predict_proba(X), xn.ops.softmax(model.predict(X)))
    np.testing.assert_array_equal(found.predict(X), model.predict(X).argmax(1))


@pytest.mark.parametrize(
    ("loss", "end"), [("cross_entropy", xn.Softmax), ("binary_cross_entropy", xn.Sigmoid)]
)
def test_networks_that_end_in_probabilities(loss: str, end: Any) -> None:
    layers = [xn.Dense(4, "relu"), xn.Dense(3, bias=False), end()]
    model = xn.Model(xn.Sequential(*layers), loss, input_shape=5, dtype="float64")
    same(to_sklearn(model).predict_proba(X), model.predict(X))
    with pytest.raises(GraphError, match="needs a network that ends in"):
        to_sklearn(xn.MLP([5, 3], loss=loss))


def test_what_is_made_can_be_trained_on_and_is_independent() -> None:
    y = LABELS["three classes"] - 4
    model = xn.MLP([5, 4, 3], dtype="float64")
    before = model.state_dict()
    found = to_sklearn(model).set_params(warm_start=True, max_iter=3)
    found.fit(X, y)
    found.partial_fit(X, y)
    sklearn.base.clone(found)
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([xn.Dense(4, "relu"), xn.Dense(4, "tanh"), xn.Dense(3)], "the same activation"),
        ([xn.Dense(4), xn.Dense(4, "relu"), xn.Dense(3)], "the same activation"),
        ([xn.Dense(4, "gelu"), xn.Dense(3)], "one of identity"),
        ([xn.Dense(4), xn.BatchNorm(), xn.Dense(3)], "one of identity"),
        ([xn.Residual(xn.Dense(5)), xn.Dense(3)], "the same activation"),
        ([xn.Dense(3), xn.Sigmoid()], "the same activation"),
    ],
)
def test_networks_that_scikit_learn_has_not(layers: Any, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        to_sklearn(xn.Model(xn.Sequential(*layers), input_shape=5))


def test_losses_and_classes_that_do_not_fit() -> None:
    with pytest.raises(ArgumentError, match="do not have the loss 'hinge'"):
        to_sklearn(xn.MLP([5, 3], loss="hinge"))
    for classes in ([1, 2], [3, 2, 1], [1, 1, 2], [[1, 2, 3]]):
        with pytest.raises(ArgumentError, match="3 different labels in ascending order"):
            to_sklearn(xn.MLP([5, 3]), classes)
    with pytest.raises(ArgumentError, match="is a regression loss"):
        to_sklearn(xn.MLP([5, 3], loss="mse"), [1, 2, 3])
    with pytest.raises(ArgumentError, match="Leave out classes"):
        to_sklearn(xn.MLP([5, 3], loss="binary_cross_entropy_with_logits"), [1, 2, 3])


def test_what_is_no_fitted_mlp() -> None:
    with pytest.raises(ArgumentError, match="Call its fit first"):
        from_sklearn(neural.MLPClassifier())
    with pytest.raises(ArgumentError, match=r"got sklearn.*\.StandardScaler"):
        from_sklearn(sklearn.preprocessing.StandardScaler())


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.neural_network", None)
    for call in (from_sklearn, to_sklearn):
        with pytest.raises(MissingDependencyError, match=r"pip install 'xpnet\[sklearn\]'"):
            call(xn.MLP([5, 3]))
