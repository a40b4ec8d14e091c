"""An ONNX graph that is an MLP, read operator by operator."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from xpnet import nn
from xpnet.errors import ArgumentError, DataError
from xpnet.ops.activations import SELU_ALPHA, SELU_SCALE
from xpnet.typing import Shape

__all__ = ["Found", "read"]


@dataclass
class Found:
    """What an MLP's graph says: layers, their parameters by name, the type and a sample's shape."""

    dtype: str
    features: Shape
    layers: list[Any] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)

    def add(self, layer: Any, **parameters: Any) -> None:
        """Put a layer behind the others."""
        at = f"layers.{len(self.layers)}"
        self.layers.append(layer)
        self.state |= {f"{at}.{name}": value for name, value in parameters.items()}


@dataclass(frozen=True)
class Step:
    """One operator: attributes, and the constants among its inputs (None for the value)."""

    kind: str
    attributes: dict[str, Any]
    inputs: list[Any]

    def refuse(self, why: str) -> ArgumentError:
        """The error for what xpnet has no layer for."""
        return ArgumentError(f"from_onnx: operator {self.kind} {why}.")

    def need(self, **values: Any) -> None:
        """Raise unless attributes have these values; a tuple names several, the default first."""
        for name, value in values.items():
            allowed = value if isinstance(value, tuple) else (value,)
            found = self.attributes.get(name, allowed[0])
            if not any(_close(found, a) for a in allowed):
                raise self.refuse(f"has {name}={found!r}; xpnet has only {name}={allowed[-1]!r}")

    def constant(self, at: int, ndim: int) -> Any:
        """The constant at this input, of so many dimensions."""
        found = self.inputs[at] if at < len(self.inputs) else None
        if found is None or found.ndim != ndim:
            raise self.refuse(f"needs a constant of {ndim} dimensions as input {at}")
        return found


def _close(a: Any, b: Any) -> bool:
    return bool(np.isclose(a, b, rtol=1e-6)) if isinstance(b, float) else bool(a == b)


# --- one rule an operator -------------------------------------------------------------------------


def _gemm(step: Step, found: Found) -> None:
    step.need(transA=0)
    given = {"alpha": 1.0, "beta": 1.0, "transB": 0, **step.attributes}
    w = step.constant(1, 2) * np.asarray(given["alpha"], found.dtype)
    w = w.T if given["transB"] else w
    if len(step.inputs) < 3:
        found.add(nn.Dense(w.shape[1], bias=False), weight=w)
        return
    b = step.inputs[2]
    if b is None or b.size not in (1, w.shape[1]) or b.size != b.shape[-1:].count(b.size) * b.size:
        raise step.refuse("needs a constant vector as bias")
    b = np.broadcast_to(b.reshape(-1) * np.asarray(given["beta"], found.dtype), w.shape[1:])
    found.add(nn.Dense(w.shape[1]), weight=w, bias=b)


def _matmul(step: Step, found: Found) -> None:
    w = step.constant(1, 2)
    found.add(nn.Dense(w.shape[1], bias=False), weight=w)


def _add(step: Step, found: Found) -> None:
    """The bias of the product before."""
    last = found.layers[-1] if found.layers else None
    b = next((c for c in step.inputs if c is not None), None)
    if type(last) is not nn.Dense or last.bias or b is None or b.size not in (1, last.units):
        raise step.refuse("is understood behind MatMul alone, with a constant vector")
    if b.ndim and b.shape[-1] != b.size:
        raise step.refuse("is understood behind MatMul alone, with a constant vector")
    at = len(found.layers) - 1
    found.layers[at] = nn.Dense(last.units)
    found.state[f"layers.{at}.bias"] = np.broadcast_to(b.reshape(-1), (last.units,))


def _batch_norm(step: Step, found: Found) -> None:
    step.need(training_mode=0, spatial=1)
    scale, shift, mean, variance = (step.constant(i, 1) for i in range(1, 5))
    # ONNX's momentum is the weight of the old value.
    layer = nn.BatchNorm(
        1 - float(step.attributes.get("momentum", 0.9)), float(step.attributes.get("epsilon", 1e-5))
    )
    found.add(layer, weight=scale, bias=shift, running_mean=mean, running_var=variance)


def _layer_norm(step: Step, found: Found) -> None:
    step.need(axis=(-1, 1))
    scale = step.constant(1, 1)
    shift = step.constant(2, 1) if len(step.inputs) > 2 else np.zeros_like(scale)
    layer = nn.LayerNorm(float(step.attributes.get("epsilon", 1e-5)))
    found.add(layer, weight=scale, bias=shift)


def _prelu(step: Step, found: Found) -> None:
    slope = step.inputs[1] if len(step.inputs) > 1 else None
    if slope is None or slope.size != max(slope.shape, default=1):
        raise step.refuse("needs a constant vector of slopes")
    found.add(nn.PReLU(shared=slope.size == 1), slope=slope.reshape(-1))


def _clip(step: Step, found: Found) -> None:
    given = [step.attributes.get("min"), step.attributes.get("max")]
    ends = [*step.inputs[1:], None, None][:2] if given == [None, None] else given
    if any(e is None for e in ends) or [float(e) for e in ends] != [-1.0, 1.0]:
        raise step.refuse("is understood from -1 to 1 alone")
    found.add(nn.HardTanh())


def _plain(layer: type, **needs: Any) -> Callable[[Step, Found], None]:
    def rule(step: Step, found: Found) -> None:
        step.need(**needs)
        found.add(layer())

    return rule


def _sloped(layer: Callable[[float], Any], default: float) -> Callable[[Step, Found], None]:
    return lambda step, found: found.add(layer(float(step.attributes.get("alpha", default))))


def _gelu(step: Step, found: Found) -> None:
    found.add(nn.GELU(step.attributes.get("approximate", "none")))


def _nothing(step: Step, found: Found) -> None:
    """What does nothing to a prediction."""


_RULES: dict[str, Callable[[Step, Found], None]] = {
    "Add": _add,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Dropout": _nothing,
    "Elu": _sloped(nn.ELU, 1.0),
    "Flatten": _plain(nn.Flatten, axis=1),
    "Gelu": _gelu,
    "Gemm": _gemm,
    "HardSigmoid": _plain(nn.HardSigmoid, alpha=(0.2, 1 / 6)[::1], beta=0.5),
    "Identity": _nothing,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _sloped(nn.LeakyReLU, 0.01),
    "LogSoftmax": _plain(nn.LogSoftmax, axis=(-1, 1)),
    "MatMul": _matmul,
    "Mish": _plain(nn.Mish),
    "PRelu": _prelu,
    "Relu": _plain(nn.ReLU),
    "Selu": _plain(nn.SELU, alpha=SELU_ALPHA, gamma=SELU_SCALE),
    "Sigmoid": _plain(nn.Sigmoid),
    "SiLU": _plain(nn.SiLU),  # not an operator of ONNX: Sigmoid and Mul together
    "Softmax": _plain(nn.Softmax, axis=(-1, 1)),
    "Softplus": _plain(nn.Softplus),
    "Softsign": _plain(nn.Softsign),
    "Tanh": _plain(nn.Tanh),
}


# --- the graph ------------------------------------------------------------------------------------


def read(onnx: Any, path: Path) -> Found:
    """The MLP in a file; raises `DataError` or `ArgumentError`."""
    graph = _loaded(onnx, path).graph
    arrays = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    inputs = [value for value in graph.input if value.name not in arrays]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ArgumentError(
            f"from_onnx: the graph has {len(inputs)} inputs and {len(graph.output)} outputs, an "
            "MLP has one of each."
        )
    found = Found(*_declared(onnx, inputs[0]))
    end = _follow(onnx, graph, inputs[0].name, arrays, found)
    if end != graph.output[0].name:
        raise ArgumentError(
            f"from_onnx: the chain of operators ends in {end!r}, which is not the graph's output."
        )
    return found


def _loaded(onnx: Any, path: Path) -> Any:
    """The file, checked by onnx."""
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except OSError as error:
        raise DataError(f"from_onnx: {path} cannot be read ({error}).") from error
    except Exception as error:  # of protobuf and of onnx, without a class in common
        raise DataError(f"from_onnx: {path} is not a valid ONNX file ({error}).") from error
    return model


def _declared(onnx: Any, value: Any) -> tuple[str, Shape]:
    """The type of the input and the shape of one sample."""
    kind = value.type.tensor_type
    dtype = str(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    lengths = [d.dim_value for d in kind.shape.dim]
    if dtype not in ("float32", "float64") or len(lengths) < 2 or not all(lengths[1:]):
        raise ArgumentError(
            f"from_onnx: the input {value.name!r} is {dtype} of shape {lengths} (0: any); expected "
            "float32 or float64 of shape (rows, features, ...) with known features."
        )
    return dtype, tuple(lengths[1:])


def _follow(onnx: Any, graph: Any, value: str, arrays: dict[str, Any], found: Found) -> str:
    """Add a layer for each operator on the way from the input; the name of the last value."""
    uses = Counter(name for node in graph.node for name in node.input)
    nodes = list(graph.node)
    while nodes:
        node = nodes.pop(0)
        attributes = {a.name: _attribute(onnx, a) for a in node.attribute}
        if node.op_type == "Constant" and "value" in attributes:
            arrays[node.output[0]] = onnx.numpy_helper.to_array(attributes["value"])
            continue
        kind, output = node.op_type, node.output[0]
        gated = kind == "Sigmoid" and bool(nodes) and nodes[0].op_type == "Mul"
        if gated and sorted(nodes[0].input) == sorted((value, output)):
            kind, output = "SiLU", nodes.pop(0).output[0]
        elif uses[value] > 1 or value not in node.input:
            raise ArgumentError(
                f"from_onnx: operator {node.op_type} ({', '.join(node.input)}) leaves the chain: "
                "networks with branches cannot be read."
            )
        _add_layer(Step(kind, attributes, _constants(node, value, arrays)), found)
        value = output
    return value


def _add_layer(step: Step, found: Found) -> None:
    rule = _RULES.get(step.kind)
    if rule is None:
        known = ", ".join(name for name in _RULES if name != "SiLU")
        raise step.refuse(f"has no layer in xpnet; understood are {known}")
    rule(step, found)


def _constants(node: Any, value: str, arrays: Mapping[str, Any]) -> list[Any]:
    """The arrays of an operator's inputs, with None for the value that it is applied to."""
    inputs = [name for name in node.input if name]
    unknown = [name for name in inputs if name != value and name not in arrays]
    if unknown:
        raise ArgumentError(
            f"from_onnx: operator {node.op_type} takes {', '.join(unknown)}, which is neither the "
            "value before it nor a constant: networks with branches cannot be read."
        )
    return [None if name == value else arrays[name] for name in inputs]


def _attribute(onnx: Any, attribute: Any) -> Any:
    found = onnx.helper.get_attribute_value(attribute)
    return found.decode() if isinstance(found, bytes) else found
