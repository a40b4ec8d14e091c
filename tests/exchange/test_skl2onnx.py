"""Pipelines of scikit-learn with xpnet's estimators, converted by skl2onnx."""

import sys
import warnings
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import ArgumentError, MissingDependencyError

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from sklearn.ensemble import VotingClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4)) * [1, 10, 0.1, 3] + [0, 50, 0, -2]
NAMES = np.array(["a", "b", "ça"])[np.arange(80) % 3]
TWO = NAMES == "a"


@pytest.fixture(autouse=True)
def _registered() -> None:
    xn.exchange.register_skl2onnx()


def pipeline(estimator: Any, y: Any, dtype: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make_pipeline(StandardScaler(), estimator).fit(X.astype(dtype), y)


def run(model: Any, samples: Any, **settings: Any) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = skl2onnx.to_onnx(model, samples[:1], **settings)
    session = runtime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {given.name: samples}), strict=True))


CLASSIFIERS = {
    "names": (NAMES, {}),
    "numbers": (np.arange(80) % 3 + 5, {"activation": "gelu", "normalization": "batch"}),
    "two": (np.where(TWO, "yes", "no"), {}),
    "booleans": (TWO, {"loss": "softmax_cross_entropy"}),
    "several": (np.stack([TWO, X[:, 0] > 0], axis=1).astype(int), {}),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier(name: str, dtype: str) -> None:
    y, settings = CLASSIFIERS[name]
    model = pipeline(xn.MLPClassifier((6,), max_iter=5, random_state=0, **settings), y, dtype)
    samples = X.astype(dtype)
    found = run(model, samples, options={"zipmap": False})
    assert [*found] == ["label", "probabilities"]
    assert (found["label"] == model.predict(samples)).all()
    assert found["probabilities"].dtype == dtype
    limit = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(samples), atol=limit)


@pytest.mark.parametrize(
    ("y", "settings"),
    [
        (X[:, 0] * 30 + 500, {"scale_target": True}),
        (X[:, :2] * 3, {"activation": ["tanh"]}),
        (X[:, 0], {"quantiles": (0.2, 0.8)}),
    ],
)
def test_regressor(y: Any, settings: dict[str, Any]) -> None:
    estimator = xn.MLPRegressor(hidden_layer_sizes=(6,), max_iter=5, random_state=0, **settings)
    model = pipeline(estimator, y, "float64")
    (found,) = run(model, X).values()
    expected = model.predict(X)
    assert found.shape == (80, 1 if expected.ndim == 1 else expected.shape[1])
    np.testing.assert_allclose(found, expected.reshape(found.shape), rtol=1e-10)


def test_the_pipelines_input_may_have_another_type_than_the_weights() -> None:
    model = pipeline(xn.MLPClassifier((6,), max_iter=5, random_state=0), NAMES, "float64")
    found = run(model, X.astype("float32"), options={"zipmap": False})
    assert found["probabilities"].dtype == "float32"
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(X), atol=1e-5)


def test_zipmap_as_for_any_classifier() -> None:
    model = pipeline(xn.MLPClassifier((6,), max_iter=5, random_state=0), NAMES, "float32")
    samples = X.astype("float32")
    found = run(model, samples)
    assert [*found] == ["output_label", "output_probability"]
    assert found["output_probability"][0].keys() == {"a", "b", "ça"}
    columns = run(model, samples, options={"zipmap": "columns"})
    np.testing.assert_allclose(columns["sb"].ravel(), model.predict_proba(samples)[:, 1], atol=1e-5)


def test_numbers_in_place_of_names_of_classes() -> None:
    model = pipeline(xn.MLPClassifier((6,), max_iter=5, random_state=0), NAMES, "float32")
    samples = X.astype("float32")
    found = run(model, samples, options={id(model.steps[-1][1]): {"nocl": True, "zipmap": False}})
    assert (found["label"] == model.predict_proba(samples).argmax(axis=1)).all()


def test_two_pipelines_in_one_graph() -> None:
    both = make_pipeline(StandardScaler(), xn.MLPClassifier((3,), max_iter=2))
    parts = [("one", both), ("two", both)]
    vote = VotingClassifier(parts, voting="soft", flatten_transform=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vote.fit(X, NAMES)
    found = run(vote, X, options={"zipmap": False})
    np.testing.assert_allclose(found["probabilities"], vote.predict_proba(X), atol=1e-10)


def test_an_old_operator_set_is_refused() -> None:
    model = pipeline(xn.MLPClassifier((6,), max_iter=5), NAMES, "float32")
    with pytest.raises(ArgumentError, match=r"need operator set 20 .* got target_opset=17"):
        run(model, X.astype("float32"), target_opset=17)


def test_scores_are_refused() -> None:
    model = pipeline(xn.MLPClassifier((6,), max_iter=5, loss="hinge"), TWO, "float32")
    with pytest.raises(ArgumentError, match="but loss='hinge' has none"):
        run(model, X.astype("float32"))


def test_without_skl2onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(MissingDependencyError, match="pip install skl2onnx"):
        xn.exchange.register_skl2onnx()
