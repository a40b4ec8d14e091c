"""from_onnx: chains of operators become layers, everything else is named and refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import ArgumentError, FormatError

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
helper = pytest.importorskip("onnx.helper")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
RNG = np.random.default_rng(0)
W, B = RNG.normal(size=(4, 3)).astype("float32"), RNG.normal(size=3).astype("float32")
X = RNG.normal(size=(5, 4)).astype("float32")


def write(
    folder: Path, nodes: list[Any], shape: Any = ("n", 4), opset: int = 20, **arrays: Any
) -> Path:
    """A file of these nodes, of which the last gives ``y``."""
    kind = onnx.TensorProto.FLOAT
    ends = [
        helper.make_tensor_value_info("x", kind, shape),
        helper.make_tensor_value_info("y", kind, ("rows", "columns")),
    ]
    tensors = [onnx.numpy_helper.from_array(a, name) for name, a in arrays.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("elsewhere", 1)]
    onnx.save_model(helper.make_model(graph, opset_imports=opsets, ir_version=9), folder / "m.onnx")
    return folder / "m.onnx"


def node(kind: str, inputs: str, output: str = "y", **attributes: Any) -> Any:
    return helper.make_node(kind, inputs.split(), [output], **attributes)


def computed(path: Path, samples: Any) -> Any:
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": samples})[0]


def test_round_trip_of_random_networks(drawn: Any, tmp_path: Path, equal: Any) -> None:
    path = tmp_path / "m.onnx"
    xn.exchange.to_onnx(drawn.model, path)
    if xn.Embedding in map(type, drawn.model.network.net.layers):
        with pytest.raises(ArgumentError, match="branches at operator Cast"):
            xn.exchange.from_onnx(path)
        return
    again = xn.exchange.from_onnx(path, seed=9)
    equal(again.predict(drawn.X), drawn.model.predict(drawn.X))
    assert (again.seed, again.dtype) == (9, "float32")


def test_a_float64_file(tmp_path: Path, equal: Any) -> None:
    model = xn.MLP([4, 8, 3], "tanh", dtype="float64")
    xn.exchange.to_onnx(model, tmp_path / "m.onnx", probabilities=True)
    again = xn.exchange.from_onnx(tmp_path / "m.onnx", loss="cross_entropy")
    assert again.dtype == "float64"
    equal(again.predict(X), xn.ops.softmax(model.predict(X)))


CHAINS = {
    "gemm": ([node("Gemm", "x w b", alpha=2.0, beta=3.0)], {"w": W, "b": B}),
    "gemm of the transpose": ([node("Gemm", "x w", transB=1)], {"w": W.T.copy()}),
    "gemm and one bias": ([node("Gemm", "x w b")], {"w": W, "b": B[:1]}),
    "product": ([node("MatMul", "x w")], {"w": W}),
    "product and bias": ([node("MatMul", "x w", "a"), node("Add", "b a")], {"w": W, "b": B}),
    "a row as bias": ([node("MatMul", "x w", "a"), node("Add", "a b")], {"w": W, "b": B[None]}),
    "scaled": ([node("MatMul", "x w", "a"), node("Mul", "a c")], {"w": W, "c": B[0]}),
    "without effect": (
        [node("Identity", "x", "a"), node("Dropout", "a", "d"), node("MatMul", "d w")],
        {"w": W},
    ),
    "second name of a constant": (
        [node("Identity", "w", "v"), node("MatMul", "x v")],
        {"w": W},
    ),
    "silu": ([node("Gemm", "x w", "a"), node("Sigmoid", "a", "s"), node("Mul", "s a")], {"w": W}),
    "clip": ([node("Gemm", "x w", "a"), node("Clip", "a lo hi")], {
        "w": W, "lo": np.float32(-1), "hi": np.float32(1)
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_chain(name: str, tmp_path: Path, equal: Any) -> None:
    nodes, arrays = CHAINS[name]
    arrays = {name: np.asarray(a) for name, a in arrays.items()}
    path = write(tmp_path, nodes, **arrays)
    equal(xn.exchange.from_onnx(path).predict(X), computed(path, X))


REFUSED = {
    "Cos has no layer in xpnet": [node("Gemm", "x w", "a"), node("Cos", "a")],
    "branches at operator Gemm of x": [
        node("Gemm", "x w", "a"), node("Gemm", "x w", "c"), node("Add", "a c")
    ],
    "branches at operator Sigmoid of a": [
        node("Gemm", "x w", "a"), node("Sigmoid", "a", "s"), node("Add", "s a")
    ],
    "operator Gemm has transA=1": [node("Gemm", "x q", transA=1)],
    "operator HardSigmoid has alpha=-1.0": [
        node("Gemm", "x w", "a"), node("HardSigmoid", "a", alpha=-1.0)
    ],
    "operator Selu has alpha=1.0": [node("Gemm", "x w", "a"), node("Selu", "a", alpha=1.0)],
    "operator Softmax has axis=0": [node("Gemm", "x w", "a"), node("Softmax", "a", axis=0)],
    "operator Mul needs 3 constants": [node("Gemm", "x w", "a"), node("Mul", "a w")],
    "operator MatMul has a matrix for 5 units": [node("MatMul", "x q")],
    "Div .node 'own'. divides a constant by a value": [
        node("Gemm", "x w", "a"), node("Div", "b a", name="own")
    ],
    "operator Div divides by 0": [node("Gemm", "x w", "a"), node("Div", "a z")],
    "operator Transpose has no layer": [node("Gemm", "x w", "a"), node("Transpose", "a")],
    "operator Reshape makes samples of shape .6,. from .3,": [
        node("Gemm", "x w", "a"), node("Reshape", "a six")
    ],
    "operator Reshape makes a vector": [node("Gemm", "x one", "a"), node("Reshape", "a flat")],
    "operator Cast makes int64": [node("Cast", "x", "a", to=7), node("Cast", "a", to=1)],
    "operator Erf reads only constants": [node("Erf", "w", "v"), node("MatMul", "x v")],
    "operator Mul has a constant with more dimensions": [
        node("Gemm", "x w", "a"), node("Mul", "a deep")
    ],
    "operator MatMul needs a constant matrix": [node("MatMul", "x b")],
    "Own is not standard; it belongs to elsewhere": [node("Own", "x", domain="elsewhere")],
    "the output 'y' does not depend on the input": [
        node("Gemm", "x w", "a"), node("Identity", "w")
    ],
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_refused(message: str, tmp_path: Path) -> None:
    arrays = {
        "w": W, "b": B, "q": np.ones((5, 3), "float32"), "z": B * np.array([1, 0, 1], "float32"),
        "six": np.array([-1, 6]), "one": W[:, :1], "flat": np.array([-1]), "deep": B[None, None],
    }  # fmt: skip
    path = write(tmp_path, REFUSED[message], **arrays)
    with pytest.raises(ArgumentError, match=message):
        xn.exchange.from_onnx(path)


def test_normalizing_a_batch_of_sequences_is_refused(tmp_path: Path) -> None:
    parts = dict.fromkeys(("s", "b", "m", "v"), np.ones(4, "float32"))
    path = write(tmp_path, [node("BatchNormalization", "x s b m v")], ("n", 4, 2), **parts)
    with pytest.raises(ArgumentError, match="only for values of shape \\(rows, features\\)"):
        xn.exchange.from_onnx(path)


@pytest.mark.parametrize("shape", [("n", "k"), ("n",)])
def test_an_input_of_unknown_width(shape: Any, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="with known features"):
        xn.exchange.from_onnx(write(tmp_path, [node("Relu", "x")], shape))


def test_not_an_onnx_file(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    with pytest.raises(FormatError, match="cannot be read"):
        xn.exchange.from_onnx(path)
    for content in (b"", b"not at all", b"\x80\x05 pickle"):
        path.write_bytes(content)
        with pytest.raises(FormatError, match="not a valid ONNX file"):
            xn.exchange.from_onnx(path)


@pytest.mark.parametrize("opset", [17, 20])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_what_torch_exports(opset: int, tmp_path: Path, equal: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    nn = torch.nn
    kinds = "SiLU Mish GELU Softsign Softplus SELU ELU LeakyReLU Hardtanh Hardsigmoid Tanh".split()
    net = nn.Sequential(
        nn.Flatten(), nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.PReLU(8),
        *(part for kind in kinds for part in (nn.Linear(8, 8), getattr(nn, kind)())),
        nn.LayerNorm(8), nn.Dropout(), nn.Linear(8, 3), nn.LogSoftmax(-1),
    ).eval()  # fmt: skip
    x, path = torch.randn(5, 2, 3), tmp_path / "m.onnx"
    torch.onnx.export(net, (x,), path, dynamo=False, opset_version=opset)
    with torch.no_grad():
        equal(xn.exchange.from_onnx(path).predict(x.numpy()), net(x).numpy())
