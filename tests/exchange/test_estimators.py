"""Fitted estimators of xpnet in other libraries: the numbers of predict and predict_proba."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import ArgumentError, GraphError

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
NAMES = np.array(["a", "b", "ça"])[np.arange(60) % 3]


def classifier(y: Any, dtype: str = "float64", **settings: Any) -> Any:
    settings = {"hidden_layer_sizes": (5,), "max_iter": 8, "random_state": 0, **settings}
    return fit(xn.MLPClassifier(**settings), y, dtype)


def regressor(y: Any, dtype: str = "float64", **settings: Any) -> Any:
    settings = {"hidden_layer_sizes": (5,), "max_iter": 8, "random_state": 0, **settings}
    return fit(xn.MLPRegressor(**settings), y, dtype)


def fit(estimator: Any, y: Any, dtype: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(X.astype(dtype), y)


TWO = NAMES == "a"
CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "names": lambda: classifier(NAMES),
    "names, float32": lambda: classifier(NAMES, "float32", activation="gelu"),
    "objects": lambda: classifier(NAMES.astype(object)),
    "numbers": lambda: classifier(np.arange(60) % 3 - 1),
    "floats": lambda: classifier(np.arange(60) % 3 / 1.0),
    "two": lambda: classifier(np.where(TWO, "yes", "no")),
    "booleans": lambda: classifier(TWO, normalization="batch", dropout=0.1),
    "one class": lambda: classifier(np.full(60, 7)),
    "several labels": lambda: classifier(np.stack([TWO, X[:, 0] > 0], axis=1).astype(int)),
    "softmax of two": lambda: classifier(TWO, loss="softmax_cross_entropy"),
    "probabilities inside": lambda: classifier(TWO, loss="binary_cross_entropy"),
    "one versus the rest": lambda: classifier(NAMES, "float32", loss="binary_focal"),
}
REGRESSORS: dict[str, Callable[[], Any]] = {
    "one value": lambda: regressor(X[:, 0] * 3),
    "scaled": lambda: regressor(X[:, 0] * 30 + 500, scale_target=True),
    "scaled, float32": lambda: regressor(X[:, 0] * 30 + 500, "float32", scale_target=True),
    "scaled, several": lambda: regressor(X[:, :2] * [30, 0.1] + [500, 1], scale_target=True),
    "counts": lambda: regressor(np.arange(60) % 5, loss="poisson"),
    "quantiles": lambda: regressor(X[:, 0], quantiles=(0.1, 0.9), scale_target=True),
    "mean and variance": lambda: regressor(X[:, 0], loss="gaussian_nll", scale_target=True),
}


def close(found: Any, expected: Any) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    limit = 1e-6 if found.dtype == np.float32 else 1e-13
    assert np.abs(found - expected).max() <= limit * np.abs(expected).max()


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Exports an estimator to ONNX and runs the file on samples."""
    pytest.importorskip("onnx", reason="onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

    def export_and_run(estimator: Any, samples: Any, **settings: Any) -> dict[str, Any]:
        path = tmp_path / "estimator.onnx"
        xn.exchange.to_onnx(estimator, path, **settings)
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(None, {"x": samples}), strict=True))

    return export_and_run


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_in_onnx(name: str, run: Any) -> None:
    estimator = CLASSIFIERS[name]()
    samples = X.astype(estimator.model_.dtype)
    found = run(estimator, samples)
    assert [*found] == ["label", "probabilities"]
    predicted = estimator.predict(samples)
    assert (found["label"] == predicted).all()
    assert found["label"].shape == predicted.shape
    if predicted.dtype.kind in "ifb":
        assert found["label"].dtype == predicted.dtype
    close(found["probabilities"], estimator.predict_proba(samples))


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor_in_onnx(name: str, run: Any) -> None:
    estimator = REGRESSORS[name]()
    samples = X.astype(estimator.model_.dtype)
    found = run(estimator, samples)
    assert [*found] == ["prediction"]
    # Predictions of scaled targets are float64; a graph computes in the type of its input.
    close(found["prediction"], estimator.predict(samples).astype(samples.dtype))


def test_a_classifier_without_probabilities_has_scores(run: Any) -> None:
    for estimator in (
        classifier(NAMES, loss="multiclass_hinge"),
        classifier(TWO, loss="hinge"),
        classifier(TWO, loss="mse"),
    ):
        found = run(estimator, X)
        assert [*found] == ["label", "scores"]
        assert (found["label"] == estimator.predict(X)).all()
        close(found["scores"], estimator.model_.predict(X))


def test_weights_that_the_user_has_replaced_are_written(run: Any) -> None:
    estimator = REGRESSORS["one value"]()
    before = estimator.predict(X)
    estimator.intercepts_[-1] = np.array([100.0])
    found = run(estimator, X)["prediction"]
    close(found, estimator.predict(X))
    assert (found > before + 50).all()


def test_probabilities_are_there_anyway(run: Any) -> None:
    estimator = CLASSIFIERS["names"]()
    assert [*run(estimator, X, probabilities=True)] == ["label", "probabilities"]
    for other in (REGRESSORS["one value"](), classifier(TWO, loss="hinge")):
        with pytest.raises(ArgumentError, match="probabilities are known for the losses"):
            run(other, X, probabilities=True)


def test_classes_that_onnx_has_not(run: Any) -> None:
    with pytest.raises(ArgumentError, match="all text or all numbers"):
        run(classifier(np.array(["2001-01-01", "2002-01-01"], "datetime64[D]")[TWO * 1]), X)


SAME = ["names", "objects", "numbers", "two", "several labels", "softmax of two"]
SAME += [
    "probabilities inside",
    "one value",
    "scaled",
    "scaled, float32",
    "scaled, several",
    "counts",
]


@pytest.mark.parametrize("name", SAME)
def test_an_estimator_of_scikit_learn(name: str) -> None:
    estimator = {**CLASSIFIERS, **REGRESSORS}[name]()
    samples = X.astype(estimator.model_.dtype)
    twin = xn.exchange.to_sklearn(estimator)
    assert type(twin).__module__.startswith("sklearn.neural_network")
    if name in REGRESSORS:
        close(twin.predict(samples), estimator.predict(samples).astype(samples.dtype))
        return
    assert (twin.predict(samples) == estimator.predict(samples)).all()
    close(twin.predict_proba(samples), estimator.predict_proba(samples))


def test_scikit_learn_gets_the_names_of_columns() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(X, columns=[*"abcd"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = xn.MLPClassifier((5,), max_iter=2).fit(frame, NAMES)
    assert (xn.exchange.to_sklearn(estimator).predict(frame) == estimator.predict(frame)).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: classifier(NAMES, loss="multiclass_hinge"),
            "the loss 'multiclass_hinge'",
        ),
        (lambda: classifier(NAMES, loss="binary_cross_entropy"), "for 3 classes"),
        (lambda: classifier(TWO, loss="mse"), "not have the loss 'mean_squared_error'"),
        (lambda: regressor(X[:, 0], loss="huber"), "do not have the loss 'huber'"),
        (REGRESSORS["mean and variance"], "scale_target cannot be undone"),
        (lambda: regressor(X[:, 0] * 20 + 1.7e9, "float32", scale_target=True), "too few digits"),
        (lambda: classifier(NAMES, activation="gelu"), "one of identity, logistic, tanh, relu"),
    ],
)
def test_estimators_that_scikit_learn_has_not(make: Callable[[], Any], message: str) -> None:
    with pytest.raises((ArgumentError, GraphError), match=message):
        xn.exchange.to_sklearn(make())


@pytest.mark.parametrize("convert", ["to_torch", "to_torch_state_dict", "to_sklearn", "to_onnx"])
def test_targets_that_float32_cannot_hold(convert: str, tmp_path: Path) -> None:
    coarse = regressor(X[:, 0] * 20 + 1.7e9, "float32", scale_target=True)
    pytest.importorskip("onnx" if convert == "to_onnx" else "torch")
    path = [tmp_path / "model.onnx"] if convert == "to_onnx" else []
    with pytest.raises(ArgumentError, match="too few digits"):
        getattr(xn.exchange, convert)(coarse, *path)
    assert not list(tmp_path.iterdir())
    getattr(xn.exchange, convert)(regressor(X[:, 0] * 20 + 1.7e9, scale_target=True), *path)


def test_classes_of_an_estimator() -> None:
    with pytest.raises(ArgumentError, match="has its own classes_"):
        xn.exchange.to_sklearn(classifier(NAMES), classes=["x", "y", "z"])


def test_a_model_from_an_estimator_goes_on_training() -> None:
    for name in ("names", "two", "several labels", "one value", "scaled", "scaled, several"):
        estimator = {**CLASSIFIERS, **REGRESSORS}[name]()
        model = xn.exchange.from_sklearn(estimator)
        before = estimator.predict(X)
        if name.startswith("scaled") or name == "one value":
            close(model.predict(X).reshape(before.shape), before)
        else:
            close(model.predict(X), estimator.model_.predict(X))
        y = np.zeros_like(model.predict(X)) if name != "names" else np.zeros(60, int)
        model.fit(X, y, epochs=1, verbose=False)
        assert (estimator.predict(X) == before).all()


SOURCES: dict[str, Callable[[], Any]] = {
    "an unfitted estimator": lambda: xn.MLPClassifier(),
    "a path": lambda: "model.onnx",
    "None": lambda: None,
    "a class": lambda: xn.MLPClassifier,
}


@pytest.mark.parametrize("source", SOURCES)
def test_other_things_are_refused(source: str, tmp_path: Path) -> None:
    for library in ("onnx", "torch"):
        pytest.importorskip(library, reason=f"{library} is not installed")
    exchange, given = xn.exchange, SOURCES[source]()
    ways: dict[str, Callable[[], Any]] = {
        "to_onnx": lambda: exchange.to_onnx(given, tmp_path / "m.onnx"),
        "to_torch": lambda: exchange.to_torch(given),
        "to_torch_state_dict": lambda: exchange.to_torch_state_dict(given, tensors=False),
        "to_sklearn": lambda: exchange.to_sklearn(given),
        "from_sklearn": lambda: exchange.from_sklearn(given),
    }
    message = "Call fit of this MLPClassifier first" if "unfitted" in source else "got "
    for name, way in ways.items():
        with pytest.raises(ArgumentError, match=f"{name} expects an? .*{message}"):
            way()
    assert list(tmp_path.iterdir()) == []


def test_model_is_the_trained_model() -> None:
    estimator = classifier(NAMES)
    assert isinstance(estimator.model_, xn.Model)
    codes = estimator.model_.predict(X).argmax(axis=1)
    assert (estimator.classes_[codes] == estimator.predict(X)).all()
    assert not hasattr(xn.MLPClassifier(), "model_")


@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
def test_an_estimator_in_torch(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    estimator = {**CLASSIFIERS, **REGRESSORS}[name]()
    samples = X.astype(estimator.model_.dtype)
    module = xn.exchange.to_torch(estimator)
    with torch.no_grad():
        found = module(torch.from_numpy(samples)).numpy()
    expected = getattr(estimator, "predict_proba", estimator.predict)(samples)
    close(found, expected.astype(samples.dtype))
    module.load_state_dict(xn.exchange.to_torch_state_dict(estimator), strict=False)
    assert {*xn.exchange.to_torch_state_dict(estimator)} <= {*module.state_dict()}
