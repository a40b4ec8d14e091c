"""to_torch of networks that are no chain of torch's modules: a graph of torch's functions."""

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet import ops
from xpnet.exchange.sources import predictor
from xpnet.exchange.torch_fx import graph_module

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def output(module: Any, X: Any) -> Any:
    with torch.no_grad():
        return module(torch.from_numpy(np.array(X))).numpy()


def residual(dtype: str = "float32") -> xn.Model:
    layers = [xn.Dense(8, "relu"), xn.Residual(xn.Dense(8, "tanh")), xn.Dropout(0.5), xn.Dense(2)]
    return xn.Model(xn.Sequential(*layers), input_shape=4, dtype=dtype).build()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_layer_for_any_number_of_rows(entry: Any, dtype: str, equal: Any) -> None:
    X, y = entry.data()
    model = entry.model("numpy", dtype)
    model.fit(X, y, epochs=2, verbose=False)
    program = predictor(model, "this test").program
    graph = graph_module(torch, program, "y", model.network.table.trained)
    for rows in (70, 1, 3):
        part = np.asarray(X[:rows], dtype)
        equal(output(graph, part), model.predict(part))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ops_in_a_function(function: Any, dtype: str, equal: Any) -> None:
    dense = xn.Dense(6, bias_init=xn.init.constant(0.05))
    X = np.random.default_rng(0).normal(size=(9, 4)).astype(dtype)
    X[0] = 0
    model = xn.Model(lambda x: function(dense(x)), "mse", dtype=dtype, input_shape=4)
    graph = xn.exchange.to_torch(model)
    for part in (X, X[:2]):
        equal(output(graph, part), model.predict(part))


def test_parameters_keep_their_names_and_train() -> None:
    model = residual()
    graph = xn.exchange.to_torch(model)
    assert dict(graph.named_parameters()).keys() == model.parameters.keys()
    loss = torch.nn.functional.cross_entropy(graph(torch.ones(3, 4)), torch.tensor([0, 1, 1]))
    loss.backward()
    assert all(p.grad.abs().sum() > 0 for p in graph.parameters())


def test_running_statistics_are_buffers() -> None:
    net = xn.Sequential(xn.Residual(xn.Sequential(xn.Dense(4), xn.BatchNorm())), xn.Dense(2))
    graph = xn.exchange.to_torch(xn.Model(net, input_shape=4))
    names = {name.rpartition(".")[2] for name, _ in graph.named_buffers()}
    assert {"running_mean", "running_var"} <= names
    assert not any("running" in name for name, _ in graph.named_parameters())


def test_an_activation_that_is_a_function_keeps_the_chain_readable(equal: Any) -> None:
    model = xn.Model(xn.Sequential(xn.Dense(5, ops.sin), xn.Dense(2)), input_shape=4)
    graph = xn.exchange.to_torch(model)
    assert "torch.sin" in graph.code
    equal(output(graph, np.eye(4, dtype="float32")), model.predict(np.eye(4, dtype="float32")))


def test_copies_and_exported_programs(equal: Any) -> None:
    model = residual()
    graph, X = xn.exchange.to_torch(model), np.random.default_rng(0).normal(size=(9, 4))
    X = X.astype("float32")
    equal(output(copy.deepcopy(graph), X), model.predict(X))
    rows = torch.export.Dim("rows")
    exported = torch.export.export(graph, (torch.from_numpy(X),), dynamic_shapes=({0: rows},))
    equal(output(exported.module(), X[:3]), model.predict(X[:3]))


def test_a_pickle_is_read_without_xpnet(tmp_path: Path, equal: Any) -> None:
    model, X = residual(), np.eye(4, dtype="float32")
    torch.save(xn.exchange.to_torch(model), tmp_path / "m.pt")
    code = """
import sys
sys.modules["xpnet"] = None
import numpy, torch
module = torch.load(sys.argv[1], weights_only=False)
numpy.save(sys.argv[2], module(torch.eye(4)).detach().numpy())
"""
    names = [str(tmp_path / name) for name in ("m.pt", "y.npy")]
    subprocess.run([sys.executable, "-c", code, *names], check=True)
    equal(np.load(tmp_path / "y.npy"), model.predict(X))
