"""Rules that turn an operator of an ONNX graph into a layer, one rule per operator."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xpnet import nn
from xpnet.errors import ArgumentError
from xpnet.ops.activations import SELU_ALPHA, SELU_SCALE
from xpnet.typing import DTypeName, Shape

__all__ = ["Found", "Step", "add_layer"]


@dataclass
class Found:
    """The contents of an MLP's graph: layers, parameters by name, the type, a sample's shape."""

    dtype: DTypeName
    features: Shape
    ndim: int  # of the output of the layers so far
    layers: list[Any] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)

    def add(self, layer: Any, **parameters: Any) -> None:
        """Append a layer."""
        at = f"layers.{len(self.layers)}"
        self.layers.append(layer)
        self.state |= {f"{at}.{name}": value for name, value in parameters.items()}


@dataclass(frozen=True)
class Step:
    """One operator: its attributes and its inputs (constants, and None for the value)."""

    kind: str
    attributes: dict[str, Any]
    inputs: list[Any]

    def refuse(self, why: str) -> ArgumentError:
        """The error for an operator that has no layer in xpnet."""
        return ArgumentError(f"from_onnx: operator {self.kind} {why}.")

    def need(self, name: str, default: Any, *allowed: Any) -> None:
        """Raise unless an attribute has one of these values."""
        found = self.attributes.get(name, default)
        if not any(np.isclose(found, value, rtol=1e-6) for value in allowed):
            raise self.refuse(f"has {name}={found!r}; xpnet has only {allowed[-1]!r}")

    def last_axis(self, found: Found, default: int) -> None:
        """Raise unless the operator works along the last axis."""
        self.need("axis", default, found.ndim - 1, -1)

    def matrix(self) -> Any:
        """The two-dimensional constant at the second input."""
        w = self.inputs[1] if len(self.inputs) > 1 else None
        if w is None or w.ndim != 2:
            raise self.refuse("needs a constant matrix as its second input")
        return w

    def vector(self, at: int, units: int) -> Any:
        """The constant at this input: one number per unit, or one for all units."""
        found = self.inputs[at] if at < len(self.inputs) else None
        if (
            found is None
            or found.shape[-1:] not in ((), (found.size,))
            or found.size not in (1, units)
        ):
            raise self.refuse(f"needs {units} constants, one for each unit, as input {at}")
        return found.reshape(-1)

    def filled(self, at: int, units: int) -> Any:
        """The constant at this input, with one number per unit."""
        return np.broadcast_to(self.vector(at, units), (units,))


Rule = Callable[[Step, Found], None]

# --- one rule per operator -----------------------------------------------------------------------


def _gemm(step: Step, found: Found) -> None:
    step.need("transA", 0, 0)
    alpha, beta = (float(step.attributes.get(name, 1.0)) for name in ("alpha", "beta"))
    w = step.matrix() * np.asarray(alpha, found.dtype)
    w = w.T if step.attributes.get("transB", 0) else w
    if len(step.inputs) < 3:
        found.add(nn.Dense(w.shape[1], bias=False), weight=w)
    else:
        b = step.filled(2, w.shape[1]) * np.asarray(beta, found.dtype)
        found.add(nn.Dense(w.shape[1]), weight=w, bias=b)


def _matmul(step: Step, found: Found) -> None:
    w = step.matrix()
    found.add(nn.Dense(w.shape[1], bias=False), weight=w)


def _add(step: Step, found: Found) -> None:
    """Set the bias of the preceding product."""
    last = found.layers[-1] if found.layers else None
    if type(last) is not nn.Dense or last.bias:
        raise step.refuse("is supported only after MatMul")
    at = len(found.layers) - 1
    b = step.filled(1 if step.inputs[0] is None else 0, last.units)
    found.layers[at] = nn.Dense(last.units)
    found.state[f"layers.{at}.bias"] = b


def _multiply(step: Step, found: Found) -> None:
    slope = step.vector(1 if step.inputs[0] is None else 0, 1)
    found.add(nn.Linear(float(slope[0])))


def _batch_norm(step: Step, found: Found) -> None:
    step.need("training_mode", 0, 0)
    if found.ndim != 2:
        raise step.refuse("is supported only for values of shape (rows, features)")
    units = step.inputs[1].size if step.inputs[1] is not None else 0
    scale, shift, mean, variance = (step.filled(i, units) for i in range(1, 5))
    # ONNX's momentum is the weight of the old value.
    momentum = 1 - float(step.attributes.get("momentum", 0.9))
    layer = nn.BatchNorm(momentum, float(step.attributes.get("epsilon", 1e-5)))
    found.add(layer, weight=scale, bias=shift, running_mean=mean, running_var=variance)


def _layer_norm(step: Step, found: Found) -> None:
    step.last_axis(found, -1)
    scale = step.vector(1, step.inputs[1].size if step.inputs[1] is not None else 0)
    shift = step.filled(2, scale.size) if len(step.inputs) > 2 else np.zeros_like(scale)
    layer = nn.LayerNorm(float(step.attributes.get("epsilon", 1e-5)))
    found.add(layer, weight=scale, bias=shift)


def _prelu(step: Step, found: Found) -> None:
    slope = step.vector(1, step.inputs[1].size if step.inputs[1] is not None else 0)
    found.add(nn.PReLU(shared=slope.size == 1), slope=slope)


def _clip(step: Step, found: Found) -> None:
    given = [step.attributes.get("min"), step.attributes.get("max")]  # before operator set 11
    ends = [*step.inputs[1:], *given]
    if [np.asarray(end).tolist() for end in ends if end is not None] != [-1.0, 1.0]:
        raise step.refuse("is supported only from -1 to 1")
    found.add(nn.HardTanh())


def _hard_sigmoid(step: Step, found: Found) -> None:
    step.need("alpha", 0.2, 1 / 6)
    step.need("beta", 0.5, 0.5)
    found.add(nn.HardSigmoid())


def _selu(step: Step, found: Found) -> None:
    step.need("alpha", SELU_ALPHA, SELU_ALPHA)
    step.need("gamma", SELU_SCALE, SELU_SCALE)
    found.add(nn.SELU())


def _flatten(step: Step, found: Found) -> None:
    step.need("axis", 1, 1)
    found.add(nn.Flatten())
    found.ndim = 2


def _plain(layer: type) -> Rule:
    return lambda step, found: found.add(layer())


def _softmax(layer: type) -> Rule:
    def rule(step: Step, found: Found) -> None:
        step.last_axis(found, 1)  # before operator set 13 the default is 1, later -1
        found.add(layer())

    return rule


def _sloped(layer: Callable[[float], Any], default: float) -> Rule:
    return lambda step, found: found.add(layer(float(step.attributes.get("alpha", default))))


def _gelu(step: Step, found: Found) -> None:
    found.add(nn.GELU(step.attributes.get("approximate", "none")))


def _nothing(step: Step, found: Found) -> None:
    """An operator that does not change a prediction."""


_RULES: dict[str, Rule] = {
    "Add": _add,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Dropout": _nothing,
    "Elu": _sloped(nn.ELU, 1.0),
    "Flatten": _flatten,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "HardSigmoid": _hard_sigmoid,
    "Identity": _nothing,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _sloped(nn.LeakyReLU, 0.01),
    "LogSoftmax": _softmax(nn.LogSoftmax),
    "MatMul": _matmul,
    "Mish": _plain(nn.Mish),
    "Mul": _multiply,
    "PRelu": _prelu,
    "Relu": _plain(nn.ReLU),
    "Selu": _selu,
    "Sigmoid": _plain(nn.Sigmoid),
    "Softmax": _softmax(nn.Softmax),
    "Softplus": _plain(nn.Softplus),
    "Softsign": _plain(nn.Softsign),
    "Tanh": _plain(nn.Tanh),
}


def add_layer(step: Step, found: Found) -> None:
    """Append the layer of an operator; raise `ArgumentError` if there is none."""
    rule = _RULES.get(step.kind)
    if rule is None:
        raise step.refuse(f"has no layer in xpnet; supported are {', '.join(_RULES)}")
    rule(step, found)
