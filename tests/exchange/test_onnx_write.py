"""to_onnx: onnxruntime computes what the model computes."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet import ops
from xpnet.errors import ArgumentError, FormatError, GraphError, MissingDependencyError

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Any]:
    """Exports a model and runs the file on samples."""

    def export_and_run(model: xn.Model, *samples: Any, **settings: Any) -> list[Any]:
        path = tmp_path / "model.onnx"
        xn.exchange.to_onnx(model, path, **settings)
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return [session.run(["y"], {"x": X})[0] for X in samples]

    return export_and_run


def kinds(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


def test_twenty_random_networks(drawn: Any, run: Any, equal: Any) -> None:
    for X, y in zip((drawn.X, drawn.X[:1]), run(drawn.model, drawn.X, drawn.X[:1]), strict=True):
        equal(y, drawn.model.predict(X))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_layer_for_any_number_of_rows(entry: Any, dtype: str, run: Any, equal: Any) -> None:
    X, y = entry.data()
    model = entry.model("numpy", dtype)
    model.fit(X, y, epochs=2, verbose=False)
    samples = [np.asarray(X[:rows], dtype) for rows in (70, 1, 3)]
    for found, part in zip(run(model, *samples), samples, strict=True):
        equal(found, model.predict(part))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ops_in_a_function(function: Any, dtype: str, run: Any, equal: Any) -> None:
    dense = xn.Dense(6, bias_init=xn.init.constant(0.05))
    X = np.random.default_rng(0).normal(size=(9, 4)).astype(dtype)
    X[0] = 0
    model = xn.Model(lambda x: function(dense(x)), "mse", dtype=dtype, input_shape=4)
    for found, part in zip(run(model, X, X[:2]), (X, X[:2]), strict=True):
        equal(found, model.predict(part))


def test_parameters_keep_their_names_and_normalizations_are_one_operator(tmp_path: Path) -> None:
    net = xn.Sequential(xn.Dense(5), xn.BatchNorm(), xn.ReLU(), xn.LayerNorm(), xn.Dense(2))
    model = xn.Model(net, input_shape=3)
    xn.exchange.to_onnx(model, path := tmp_path / "m.onnx")
    assert kinds(path) == ["Gemm", "BatchNormalization", "Relu", "LayerNormalization", "Gemm"]
    names = {tensor.name for tensor in onnx.load(path).graph.initializer}
    assert names == set(model.parameters)
    shown = onnx.load(path).graph.input[0].type.tensor_type.shape.dim
    assert (shown[0].dim_param, shown[1].dim_value) == ("rows", 3)


def test_a_value_that_is_used_twice_is_not_merged_away(run: Any, equal: Any) -> None:
    norm, dense = xn.LayerNorm(affine=False), xn.Dense(4)

    def net(x: Any) -> Any:
        y = norm(dense(x))
        return y * np.full(4, 2.0) + np.full(4, 1.0) + y

    model = xn.Model(net, input_shape=3)
    X = np.eye(3, dtype="float32")
    equal(*run(model, X), model.predict(X))


def test_an_output_that_is_no_ends(run: Any, equal: Any) -> None:
    norm, dense, X = xn.LayerNorm(affine=False), xn.Dense(4), np.eye(3, dtype="float32")

    def inner(x: Any) -> Any:
        y = norm(dense(x))
        _unused = y * np.full(4, 2.0) + np.full(4, 1.0)
        return y

    def input_itself(x: Any) -> Any:
        _unused = dense(x)
        return x

    for net in (inner, input_itself):
        model = xn.Model(net, "mse", input_shape=3)
        equal(*run(model, X), model.predict(X))


@pytest.mark.parametrize(
    ("loss", "end"),
    [
        ("softmax_cross_entropy", ops.softmax),
        ("focal", ops.softmax),
        ("binary_cross_entropy_with_logits", ops.sigmoid),
        ("binary_focal", ops.sigmoid),
        ("cross_entropy", lambda p: p),
        ("binary_cross_entropy", lambda p: p),
    ],
)
def test_probabilities(loss: str, end: Any, run: Any, equal: Any) -> None:
    last = {"cross_entropy": [xn.Softmax()], "binary_cross_entropy": [xn.Sigmoid()]}.get(loss, [])
    model = xn.Model(xn.Sequential(xn.Dense(3), *last), loss, input_shape=4)
    X = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    equal(*run(model, X, probabilities=True), end(model.predict(X)))


def test_probabilities_of_a_loss_without(tmp_path: Path) -> None:
    model = xn.MLP([3, 2], loss="mse")
    with pytest.raises(ArgumentError, match="not for mean_squared_error"):
        xn.exchange.to_onnx(model, tmp_path / "m.onnx", probabilities=True)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_computes_with_its_rows_is_refused(tmp_path: Path) -> None:
    dense = xn.Dense(2)
    for function in (
        lambda x: dense(x) / x.shape[0],
        lambda x: dense(x[: x.shape[0]] * x.shape[0]),
    ):
        with pytest.raises(GraphError, match="computes with the number of rows"):
            xn.exchange.to_onnx(xn.Model(function, input_shape=3), tmp_path / "m.onnx")


def test_a_place_where_no_file_can_be(tmp_path: Path) -> None:
    model = xn.MLP([3, 2])
    wrong = {"there is no folder": tmp_path / "no" / "m.onnx", "is a folder": tmp_path}
    for message, path in wrong.items():
        with pytest.raises(FormatError, match=message):
            xn.exchange.to_onnx(model, path)
    assert list(tmp_path.iterdir()) == []


def test_more_than_a_file_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xpnet.exchange.onnx_file._MOST", 50)
    with pytest.raises(FormatError, match="at most 50 bytes, but the parameters take 56"):
        xn.exchange.to_onnx(xn.MLP([3, 2, 2]), tmp_path / "m.onnx")


def test_a_model_of_another_library(run: Any, equal: Any) -> None:
    strict = pytest.importorskip("array_api_strict")
    model = xn.MLP([4, 5, 3], "gelu", backend=strict)
    X = np.eye(4, dtype="float32")
    equal(*run(model, X), np.asarray(model.predict(X)))


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'xpnet\[onnx\]'"):
        xn.exchange.to_onnx(xn.MLP([3, 2]), tmp_path / "m.onnx")
    with pytest.raises(MissingDependencyError, match=r"pip install 'xpnet\[onnx\]'"):
        xn.exchange.from_onnx(tmp_path / "m.onnx")
