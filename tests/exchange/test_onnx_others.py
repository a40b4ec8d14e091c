"""from_onnx: chains as other exporters write them compute what onnxruntime computes."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import ArgumentError

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
helper = pytest.importorskip("onnx.helper")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
RNG = np.random.default_rng(0)
W, B = RNG.normal(size=(4, 3)).astype("float32"), RNG.normal(size=3).astype("float32")
V = RNG.normal(size=(3, 2)).astype("float32")
UP = np.abs(B) + 1
X = (3 * RNG.normal(size=(50, 4))).astype("float32")
ML = {"domain": "ai.onnx.ml"}


def node(kind: str, inputs: str, output: str = "y", **attributes: Any) -> Any:
    return helper.make_node(kind, inputs.split(), [output], **attributes)


def number(name: str, **value: Any) -> Any:
    return helper.make_node("Constant", [], [name], **value)


def write(
    folder: Path, nodes: list[Any], opset: int = 17, shape: Any = ("n", 4), **arrays: Any
) -> Path:
    kind = onnx.TensorProto.FLOAT
    made = ("rows", "units") if nodes[-1].op_type == "MatMul" else ("rows", *"abc"[1 : len(shape)])
    ends = [helper.make_tensor_value_info(n, kind, s) for n, s in (("x", shape), ("y", made))]
    tensors = [onnx.numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 1)]
    onnx.save_model(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "m.onnx")
    return folder / "m.onnx"


def check(path: Path, samples: Any = X, output: int = -1) -> None:
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = session.run(None, {session.get_inputs()[0].name: samples})[output]
    found = np.asarray(xn.exchange.from_onnx(path).predict(samples))
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=5e-6)
    assert found.shape == wanted.shape


FIRST = node("MatMul", "x w", "h")
CHAINS = {
    "bias by value_floats": [number("c", value_floats=[1.0, 2, 3]), FIRST, node("Add", "h c")],
    "factor by value_float": [number("c", value_float=2.0), FIRST, node("Mul", "h c")],
    "shape by value_ints": [number("c", value_ints=[-1, 3]), FIRST, node("Reshape", "h c")],
    "weight behind Transpose": [node("Transpose", "wt", "v", perm=[1, 0]), node("MatMul", "x v")],
    "weight behind Transpose without perm": [node("Transpose", "wt", "v"), node("MatMul", "x v")],
    "weight behind Cast": [node("Cast", "wd", "v", to=1), node("MatMul", "x v")],
    "weight behind Reshape": [
        number("s", value_ints=[4, -1]), node("Reshape", "wf s", "v"), node("MatMul", "x v")
    ],
    "weight that is scaled": [node("Mul", "w b", "v"), node("MatMul", "x v")],
    "bias behind Squeeze": [node("Squeeze", "row axes", "v"), FIRST, node("Add", "v h")],
    "bias behind Unsqueeze": [node("Unsqueeze", "b axes", "v"), FIRST, node("Add", "h v")],
    "identity everywhere": [
        node("Identity", "x", "a"), node("Identity", "w", "v"), node("MatMul", "a v", "c"),
        node("Identity", "c"),
    ],
    "casts to the same type": [node("Cast", "x", "a", to=1), node("MatMul", "a w", "c"),
                               node("Cast", "c", to=1)],
    "through float64": [node("MatMul", "x w", "a"), node("Cast", "a", "c", to=11),
                        node("Tanh", "c", "d"), node("Cast", "d", to=1)],
    "reshape to itself": [FIRST, node("Reshape", "h s3")],
    "reshape with 0": [FIRST, node("Reshape", "h s0")],
    "flatten of a matrix": [node("Flatten", "x", "a"), node("MatMul", "a w")],
    "gemm with everything": [node("Gemm", "x wt b", transB=1, alpha=0.5, beta=2.0)],
    "gemm and another bias": [node("Gemm", "x w b", "a"), node("Add", "a b")],
    "gemm, then a product": [node("Gemm", "x w b", "a"), node("Mul", "a b")],
    "batch norm in pieces": [FIRST, node("Add", "h b", "a"), node("Mul", "up a", "c"),
                             node("Add", "c b")],
    "scaled inputs": [node("Sub", "x in", "a"), node("Div", "a sd", "c"), node("MatMul", "c w")],
    "scaled by one number": [node("Div", "x n", "c"), node("MatMul", "c w")],
    "scaled by a product": [node("Mul", "x sd", "c"), node("Add", "c in", "d"),
                            node("MatMul", "d w")],
    "factors below 0": [node("Mul", "in x", "c"), node("MatMul", "c w")],
    "constant minus value": [node("Sub", "in x", "c"), node("MatMul", "c w")],
    "targets in their units": [FIRST, node("Tanh", "h", "a"), node("Mul", "a up", "c"),
                               node("Add", "c b")],
    "negative": [FIRST, node("Neg", "h", "a"), node("Relu", "a", "c"), node("Neg", "c")],
    "scaler": [node("Scaler", "x", "a", offset=[1.0, 2, 3, 4], scale=[0.5, 1, 2, 3], **ML),
               node("MatMul", "a w")],
    "scaler with one number": [node("Scaler", "x", "a", offset=[1.0], scale=[0.5], **ML),
                               node("MatMul", "a w")],
    "scaler that turns": [node("Scaler", "x", "a", offset=[1.0], scale=[-0.5], **ML),
                          node("MatMul", "a w")],
    "linear regression": [
        node("LinearRegressor", "x", coefficients=W.T.ravel().tolist(), targets=3,
             intercepts=B.tolist(), **ML)
    ],
    "relu6": [FIRST, node("Clip", "h zero six", "a"), node("MatMul", "a v")],
    "clip below": [FIRST, node("Clip", "h zero", "a"), node("MatMul", "a v")],
    "clip above": [FIRST, helper.make_node("Clip", ["h", "", "six"], ["a"]),
                   node("MatMul", "a v")],
    "clip to [-1, 1]": [FIRST, node("Clip", "h mone one")],
    "clip of nothing": [FIRST, node("Clip", "h")],
    "clip around 2": [FIRST, node("Clip", "h one six")],
    "relu6 by Min": [FIRST, node("Relu", "h", "a"), node("Min", "a six")],
    "relu by Max": [FIRST, node("Max", "zero h")],
    "leaky": [FIRST, node("LeakyRelu", "h", alpha=0.3)],
    "elu": [FIRST, node("Elu", "h", alpha=0.5)],
    "celu": [FIRST, node("Celu", "h")],
    "keras' hard sigmoid": [FIRST, node("HardSigmoid", "h", alpha=0.2, beta=0.5)],
    "hard sigmoid moved": [FIRST, node("HardSigmoid", "h", alpha=0.25, beta=0.4)],
    "hard swish": [FIRST, node("HardSwish", "h")],
    "softmax by its default axis": [FIRST, node("Softmax", "h")],
    "softmax of axis 1": [FIRST, node("Softmax", "h", axis=1)],
    "softmax normalized again": [FIRST, node("Softmax", "h", "a"),
                                 node("Normalizer", "a", norm="L1", **ML)],
    "probability pair": [node("MatMul", "x w1", "h"), node("Sigmoid", "h", "p"),
                         node("Sub", "one p", "q"), node("Concat", "q p", axis=1)],
    "probability pair, turned": [node("MatMul", "x w1", "h"), node("Sigmoid", "h", "p"),
                                 node("Sub", "one p", "q"), node("Concat", "p q", axis=-1)],
    "pairs of several": [FIRST, node("Sigmoid", "h", "p"), node("Sub", "one p", "q"),
                         node("Concat", "q p", axis=1)],
    "gelu with a product": [
        FIRST, node("Mul", "h rsqrt2", "a"), node("Erf", "a", "c"), node("Add", "c one", "d"),
        node("Mul", "h d", "e"), node("Mul", "half e"),
    ],
    "unused operators": [FIRST, node("ArgMax", "h", "label", axis=1), node("Softmax", "h")],
}  # fmt: skip
ARRAYS = {
    "w": W, "wt": W.T.copy(), "wd": W.astype("d"), "wf": W.ravel(), "w1": W[:, :1], "v": V,
    "b": B, "row": B[None], "axes": np.array([0]), "up": UP, "s3": np.array([-1, 3]),
    "s0": np.array([0, -1]), "in": np.float32([1, -2, 3, 0.5]), "sd": np.float32([1, 2, 3, 4]),
    "n": np.float32(255), "zero": np.float32(0), "six": np.float32(6), "one": np.float32(1),
    "mone": np.float32(-1), "half": np.float32(0.5), "rsqrt2": np.float32(0.5**0.5),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_chain(name: str, tmp_path: Path) -> None:
    made = {output for part in CHAINS[name] for output in part.output}
    read = {name for part in CHAINS[name] for name in part.input}
    arrays = {n: a for n, a in ARRAYS.items() if n in read - made}
    check(write(tmp_path, CHAINS[name], **arrays))


@pytest.mark.parametrize("opset", [9, 11, 12, 13, 17, 21])
@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
def test_softmax_of_each_operator_set(kind: str, opset: int, tmp_path: Path) -> None:
    """The default axis was 1 before operator set 13, and is the last since."""
    check(write(tmp_path, [FIRST, node(kind, "h")], opset, w=W))
    cube = X[:48].reshape(-1, 3, 4)
    path = write(tmp_path, [FIRST, node(kind, "h")], opset, ("n", 3, 4), w=W)
    if opset < 13:
        with pytest.raises(ArgumentError, match=f"operator {kind} has axis=1"):
            xn.exchange.from_onnx(path)
    else:
        check(path, cube)


def test_clip_by_attributes(tmp_path: Path) -> None:
    check(write(tmp_path, [FIRST, node("Clip", "h", min=0.0, max=6.0)], 10, w=W))


def test_samples_of_two_dimensions_become_rows(tmp_path: Path) -> None:
    cube = X[:48].reshape(-1, 2, 2)
    for flat in ([number("s", value_ints=[-1, 4]), node("Reshape", "x s", "a")],
                 [number("s", value_ints=[0, -1]), node("Reshape", "x s", "a")],
                 [node("Flatten", "x", "a")]):  # fmt: skip
        path = write(tmp_path, [*flat, node("MatMul", "a w")], shape=("n", 2, 2), w=W)
        check(path, cube)


def test_constants_that_would_take_much_memory_are_not_computed(tmp_path: Path) -> None:
    """A small file could otherwise ask for any amount of memory."""
    long = np.ones(3000, "float32")
    nodes = [
        node("Reshape", "a s", "c"), node("Mul", "a c", "v"), node("MatMul", "x v")
    ]  # fmt: skip
    path = write(tmp_path, nodes, a=long, s=np.array([-1, 1]))
    with pytest.raises(ArgumentError, match="operator Mul reads only constants"):
        xn.exchange.from_onnx(path)


def test_two_outputs_of_numbers_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [FIRST, node("Relu", "h")], w=W)
    model = onnx.load(path)
    more = helper.make_tensor_value_info("h", onnx.TensorProto.FLOAT, ("rows", 3))
    model.graph.output.append(more)
    onnx.save(model, path)
    with pytest.raises(ArgumentError, match=r"outputs .'y', 'h'., 2 are float32"):
        xn.exchange.from_onnx(path)


def test_files_of_torch_as_functions_are_read(tmp_path: Path) -> None:
    """PyTorch's newer exporter writes operators as functions of the file's own."""
    kind = onnx.TensorProto.FLOAT
    body = [node("Gemm", "a w b", "c"), node("Relu", "c", "d")]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    made = helper.make_function("own", "linear_relu", ["a", "w", "b"], ["d"], body, opsets[:1])
    ends = [helper.make_tensor_value_info(n, kind, ("n", k)) for n, k in (("x", 4), ("y", 3))]
    graph = helper.make_graph(
        [helper.make_node("linear_relu", ["x", "w", "b"], ["y"], domain="own")], "g", ends[:1],
        ends[1:], [onnx.numpy_helper.from_array(a, n) for n, a in (("w", W), ("b", B))],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=opsets, functions=[made], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    check(tmp_path / "m.onnx")


# --- PyTorch ----------------------------------------------------------------------------------


def _networks() -> dict[str, Any]:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    functional = torch.nn.functional

    class Network(torch.nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self, compute: Any) -> None:
            super().__init__()
            self.a, self.b = torch.nn.Linear(4, 5), torch.nn.Linear(5, 3)
            self.compute = compute

        def forward(self, x: Any) -> Any:
            return self.compute(self.a, self.b, x)

    ways = {
        "view": lambda a, b, x: b(torch.relu(a(x.view(x.size(0), -1)))),
        "flatten": lambda a, b, x: b(functional.relu6(a(x.flatten(1) / 2))),
        "scaled": lambda a, b, x: b(torch.tanh(a((x - 1) / torch.tensor([1.0, 2, 3, 4])))),
        "hard swish": lambda a, b, x: b(functional.hardswish(a(x))),
        "bounds": lambda a, b, x: b(functional.hardtanh(a(x), -2, 3)).clamp(min=0.5),
        "logarithms": lambda a, b, x: functional.logsigmoid(b(functional.celu(a(x)))),
        "minus": lambda a, b, x: 1 - torch.sigmoid(b(-a(x))),
    }
    return {name: Network(way).eval() for name, way in ways.items()}


WAYS = ["view", "flatten", "scaled", "hard swish", "bounds", "logarithms", "minus"]


@pytest.mark.parametrize("opset", [13, 17, 20])
@pytest.mark.parametrize("way", WAYS)
def test_functions_of_torch(way: str, opset: int, tmp_path: Path) -> None:
    network = _networks()[way]
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    path = tmp_path / "m.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, (torch.randn(5, 4),), path, opset_version=opset, dynamo=False,
            input_names=["x"], dynamic_axes={"x": {0: "n"}},
        )  # fmt: skip
    check(path)


def test_a_fixed_number_of_rows_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [FIRST, node("Reshape", "h s")], w=W, s=np.array([5, 3]))
    with pytest.raises(ArgumentError, match="operator Reshape is fixed to 5 rows"):
        xn.exchange.from_onnx(path)


# --- skl2onnx ---------------------------------------------------------------------------------


def _fitted(kind: str) -> Any:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from sklearn.linear_model import LinearRegression
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

    y, few = np.arange(len(X)) % 3, {"hidden_layer_sizes": (5, 4), "max_iter": 5}
    text = np.array(["a", "b", "c"])[y]
    several = np.stack([y == 0, y != 1], 1).astype(int)
    estimators = {
        "three classes": lambda: MLPClassifier(**few).fit(X, y),
        "two classes": lambda: MLPClassifier(**few, activation="tanh").fit(X, y > 1),
        "text": lambda: MLPClassifier(**few, activation="logistic").fit(X, text),
        "multilabel": lambda: MLPClassifier(**few).fit(X, several),
        "regression": lambda: MLPRegressor(**few).fit(X, y * 0.5),
        "two targets": lambda: MLPRegressor(**few, activation="identity").fit(X, several),
        "standard": lambda: make_pipeline(StandardScaler(), MLPRegressor(**few)).fit(X, y),
        "min, max": lambda: make_pipeline(MinMaxScaler(), MLPClassifier(**few)).fit(X, text),
        "max": lambda: make_pipeline(MaxAbsScaler(), MLPClassifier(**few)).fit(X, y > 1),
        "linear": lambda: LinearRegression().fit(X, several),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimators[kind]()


KINDS = ["three classes", "two classes", "text", "multilabel", "regression"]
KINDS += ["standard", "min, max", "max", "linear"]


@pytest.mark.parametrize("zipmap", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_skl2onnx(kind: str, zipmap: bool, tmp_path: Path) -> None:
    skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
    fitted = _fitted(kind)
    last = fitted.steps[-1][1] if hasattr(fitted, "steps") else fitted
    options = {id(last): {"zipmap": zipmap}} if hasattr(last, "classes_") else None
    path = tmp_path / "m.onnx"
    path.write_bytes(skl2onnx.to_onnx(fitted, X[:1], options=options).SerializeToString())
    if not zipmap:
        check(path)
    found = np.asarray(xn.exchange.from_onnx(path).predict(X))
    wanted = fitted.predict_proba(X) if options else np.reshape(fitted.predict(X), (len(X), -1))
    np.testing.assert_allclose(found[:, -wanted.shape[1] :], wanted, rtol=2e-4, atol=2e-5)


def test_two_targets_in_one_column_are_refused(tmp_path: Path) -> None:
    """skl2onnx puts both targets of a sample into rows of their own."""
    skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
    path = tmp_path / "m.onnx"
    fitted = _fitted("two targets")
    path.write_bytes(skl2onnx.to_onnx(fitted, X[:1]).SerializeToString())
    with pytest.raises(
        ArgumentError, match=r"Reshape .* makes samples of shape \(1,\) from \(2,\)"
    ):
        xn.exchange.from_onnx(path)


def test_other_models_of_skl2onnx_are_refused_by_name(tmp_path: Path) -> None:
    skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
    from sklearn.tree import DecisionTreeClassifier

    fitted = DecisionTreeClassifier().fit(X, np.arange(len(X)) % 3)
    path = tmp_path / "m.onnx"
    path.write_bytes(skl2onnx.to_onnx(fitted, X[:1]).SerializeToString())
    with pytest.raises(ArgumentError, match=r"operator TreeEnsembleClassifier \(node "):
        xn.exchange.from_onnx(path)


@pytest.mark.parametrize("given", [None, 1, "yes", X, [True]])
def test_probabilities_are_asked_for_by_true_or_false(given: Any, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="probabilities must be True or False, got"):
        xn.exchange.to_onnx(xn.MLP([4, 2]).build(), tmp_path / "m.onnx", probabilities=given)
    assert not list(tmp_path.iterdir())
