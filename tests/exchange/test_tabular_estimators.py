"""Estimators for tables in other libraries: columns of a data frame in, their predictions out."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import ArgumentError

pytest.importorskip(
    "xpnet.estimators.tabular_base", reason="scikit-learn is not installed", exc_type=ImportError
)
pandas = pytest.importorskip("pandas", reason="pandas is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

RNG = np.random.default_rng(0)
FRAME = pandas.DataFrame(
    {
        "ward": RNG.choice(["north", "south", "west"], 120),
        "age": np.where(RNG.random(120) < 0.1, np.nan, RNG.normal(40, 9, 120)),
        "smokes": RNG.choice(["yes", "no"], 120),
    }
)
VALUES = np.nan_to_num(FRAME["age"], nan=40) * 10 + 3 * (FRAME["ward"] == "west")
LABELS = np.where(VALUES > 400, "high", "low")


def classifier(**settings: Any) -> Any:
    return fitted(xn.TabularClassifier(max_epochs=2, random_state=0, **settings), LABELS)


def regressor(**settings: Any) -> Any:
    return fitted(xn.TabularRegressor(max_epochs=2, random_state=0, **settings), VALUES)


def fitted(estimator: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(FRAME, y)


def fed() -> dict[str, Any]:
    """The frame as inputs of an ONNX file."""
    columns = {name: FRAME[[name]].to_numpy() for name in FRAME}
    return {n: c.astype(float if n == "age" else object) for n, c in columns.items()}


def close(found: Any, expected: Any) -> None:
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 3e-6 * np.abs(expected).max()


@pytest.mark.parametrize("n_ens", [1, 2])
def test_onnx_and_torch(n_ens: int, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for estimator in (classifier(n_ens=n_ens), regressor(n_ens=n_ens)):
        xn.exchange.to_onnx(estimator, path := tmp_path / "m.onnx")
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        *labels, numbers = session.run(None, fed())
        expected = getattr(estimator, "predict_proba", estimator.predict)(FRAME)
        close(numbers, expected)
        for found in labels:
            assert (found == estimator.predict(FRAME)).all()
        encoded = torch.from_numpy(estimator.table_model_.schema.encode(FRAME))
        close(xn.exchange.to_torch(estimator)(encoded).detach().numpy(), expected)


def test_skl2onnx_finds_columns_by_name() -> None:
    skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
    xn.exchange.register_skl2onnx()
    estimator = classifier()
    turned = FRAME[["smokes", "age", "ward"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = skl2onnx.to_onnx(estimator, turned[:1], options={"zipmap": False})
        double = skl2onnx.common.data_types.DoubleTensorType([None, 1])
        lacks = [("age", double), ("height", double)]
        with pytest.raises(ArgumentError, match="reads the column 'ward', but skl2onnx gives it"):
            skl2onnx.convert_sklearn(estimator, initial_types=lacks)
    session = runtime.InferenceSession(made.SerializeToString())
    label, shares = session.run(None, fed())
    assert (label == estimator.predict(FRAME)).all()
    close(shares, estimator.predict_proba(FRAME))


def test_a_pipeline_of_numbers() -> None:
    skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
    pipeline = pytest.importorskip("sklearn.pipeline")
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    xn.exchange.register_skl2onnx()
    X = RNG.normal(size=(90, 3)) * [1, 100, 0.01]
    steps = pipeline.make_pipeline(scaler, xn.TabularRegressor(max_epochs=2, random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        steps.fit(X, X[:, 0])
        made = skl2onnx.to_onnx(steps, X[:1])
    (found,) = runtime.InferenceSession(made.SerializeToString()).run(None, {"X": X})
    close(found[:, 0], steps.predict(X))


def test_what_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    with pytest.raises(ArgumentError, match="Call fit of this TabularClassifier first"):
        xn.exchange.to_onnx(xn.TabularClassifier(), tmp_path / "m.onnx")
    estimator = regressor()
    with pytest.raises(ArgumentError, match="is its table_model_"):
        xn.exchange.to_sklearn(estimator)
    with pytest.raises(ArgumentError, match=r"estimator\.table_model_\.model"):
        xn.exchange.from_sklearn(estimator)
