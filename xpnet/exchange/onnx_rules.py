"""Rules that turn an operator of an ONNX graph into a layer, one rule per operator."""

from collections.abc import Callable
from typing import Any

import numpy as np

from xpnet import nn
from xpnet.exchange.onnx_patterns import hard_swish
from xpnet.exchange.onnx_scaling import SCALING
from xpnet.exchange.onnx_step import Found, Rule, Step
from xpnet.ops.activations import SELU_ALPHA, SELU_SCALE
from xpnet.typing import size_of

__all__ = ["add_layer", "check_kind"]

# --- one rule per operator -----------------------------------------------------------------------


def _gemm(step: Step, found: Found) -> None:
    step.need("transA", 0, 0)
    alpha, beta = (float(step.attributes.get(name, 1.0)) for name in ("alpha", "beta"))
    w = step.matrix(found, bool(step.attributes.get("transB", 0)))
    w = w * np.asarray(alpha, found.dtype)
    bias = None
    if len(step.inputs) > 2:
        bias = step.filled(2, w.shape[1]) * np.asarray(beta, found.dtype)
    found.dense(w, bias)


def _matmul(step: Step, found: Found) -> None:
    found.dense(step.matrix(found))


def _batch_norm(step: Step, found: Found) -> None:
    step.need("training_mode", 0, 0)
    if found.ndim != 2:
        raise step.refuse("is supported only for values of shape (rows, features)")
    units = found.shape[-1]
    scale, shift, mean, variance = (step.filled(i, units) for i in range(1, 5))
    # ONNX's momentum is the weight of the old value.
    momentum = 1 - float(step.attributes.get("momentum", 0.9))
    layer = nn.BatchNorm(momentum, float(step.attributes.get("epsilon", 1e-5)))
    found.add(layer, weight=scale, bias=shift, running_mean=mean, running_var=variance)


def _layer_norm(step: Step, found: Found) -> None:
    step.last_axis(found, -1)
    scale = step.filled(1, found.shape[-1])
    shift = step.filled(2, scale.size) if len(step.inputs) > 2 else np.zeros_like(scale)
    layer = nn.LayerNorm(float(step.attributes.get("epsilon", 1e-5)))
    found.add(layer, weight=scale, bias=shift)


def _prelu(step: Step, found: Found) -> None:
    slope = step.vector(1, found.shape[-1])
    found.add(nn.PReLU(shared=slope.size == 1), slope=slope)


def _selu(step: Step, found: Found) -> None:
    step.need("alpha", SELU_ALPHA, SELU_ALPHA)
    step.need("gamma", SELU_SCALE, SELU_SCALE)
    found.add(nn.SELU())


def _flatten(step: Step, found: Found) -> None:
    step.need("axis", 1, 1)
    if len(found.shape) > 1:
        found.add(nn.Flatten())
        found.shape = (size_of(found.shape),)


def _reshape(step: Step, found: Found) -> None:
    """A shape that samples have already, or one row for each sample."""
    wanted = step.inputs[1] if len(step.inputs) > 1 else step.attributes.get("shape")
    if wanted is None:
        raise step.refuse("needs a constant shape")
    rows, *rest = [int(n) for n in np.reshape(wanted, -1)] or [1]
    if not step.attributes.get("allowzero", 0):
        own = [*found.shape, *[0] * len(rest)]
        rest = [length if n == 0 else n for n, length in zip(rest, own, strict=False)]
    size, known = size_of(found.shape), size_of([n for n in rest if n != -1])
    rest = [size // known if n == -1 and known else n for n in rest]
    if rows > 0:
        raise step.refuse(f"is fixed to {rows} rows: export the model for any number of rows")
    if size_of(rest) != size or (tuple(rest) != found.shape and rest[1:]):
        raise step.refuse(f"makes samples of shape {tuple(rest)} from {found.shape}")
    if not rest:
        raise step.refuse("makes a vector; xpnet's outputs have shape (rows, units)")
    if tuple(rest) != found.shape:
        found.add(nn.Flatten())
        found.shape = (size,)


def _cast(step: Step, found: Found) -> None:
    """Between float32 and float64, which the model's type replaces."""
    if step.attributes.get("to") not in ("float32", "float64"):
        raise step.refuse(f"makes {step.attributes.get('to')} of the values")


def _normalizer(step: Step, found: Found) -> None:
    """Probabilities, whose sum is 1 already."""
    last = found.layers[-1] if found.layers else None
    if step.attributes.get("norm", "MAX") != "L1" or not isinstance(last, nn.Softmax):
        raise step.refuse("is supported only with norm='L1' after Softmax")


def _regression(step: Step, found: Found) -> None:
    """scikit-learn's linear models, written as one operator."""
    given, features = step.attributes, found.shape[-1]
    units = int(given.get("targets", 1))
    weight, bias = (np.asarray(given.get(n, ())) for n in ("coefficients", "intercepts"))
    if weight.size != units * features or bias.size not in (0, units) or len(found.shape) > 1:
        raise step.refuse(f"needs {features} coefficients for each of its {units} targets")
    if given.get("post_transform", "NONE") != "NONE":
        raise step.refuse(f"has post_transform={given['post_transform']!r}; xpnet has only 'NONE'")
    found.dense(weight.reshape(units, features).T, bias if bias.size else None)


def _log(step: Step, found: Found) -> None:
    """The logarithm of probabilities, as one layer."""
    logs = {nn.Sigmoid: nn.LogSigmoid, nn.Softmax: nn.LogSoftmax}
    last = type(found.layers[-1]) if found.layers else None
    if last not in logs:
        raise step.refuse("is supported only after Sigmoid and Softmax")
    found.layers[-1] = logs[last]()


def _hard_swish(step: Step, found: Found) -> None:
    found.add(hard_swish())


def _swish(step: Step, found: Found) -> None:
    step.need("alpha", 1.0, 1.0)
    found.add(nn.SiLU())


def _celu(step: Step, found: Found) -> None:
    step.need("alpha", 1.0, 1.0)
    found.add(nn.ELU(1.0))


def _plain(layer: type) -> Rule:
    return lambda step, found: found.add(layer())


def _softmax(layer: type) -> Rule:
    def rule(step: Step, found: Found) -> None:
        step.last_axis(found, 1 if found.opset < 13 else -1)
        found.add(layer())

    return rule


def _sloped(layer: Callable[[float], Any], default: float) -> Rule:
    return lambda step, found: found.add(layer(float(step.attributes.get("alpha", default))))


def _gelu(step: Step, found: Found) -> None:
    found.add(nn.GELU(step.attributes.get("approximate", "none")))


def _nothing(step: Step, found: Found) -> None:
    """An operator that does not change a prediction."""


_RULES: dict[str, Rule] = {
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Celu": _celu,
    "Dropout": _nothing,
    "Elu": _sloped(nn.ELU, 1.0),
    "Flatten": _flatten,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "HardSwish": _hard_swish,
    "Identity": _nothing,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _sloped(nn.LeakyReLU, 0.01),
    "LinearRegressor": _regression,
    "Log": _log,
    "LogSoftmax": _softmax(nn.LogSoftmax),
    "MatMul": _matmul,
    "Mish": _plain(nn.Mish),
    "Normalizer": _normalizer,
    "PRelu": _prelu,
    "Relu": _plain(nn.ReLU),
    "Reshape": _reshape,
    "Selu": _selu,
    "Sigmoid": _plain(nn.Sigmoid),
    "Softmax": _softmax(nn.Softmax),
    "Softplus": _plain(nn.Softplus),
    "Softsign": _plain(nn.Softsign),
    "Swish": _swish,
    "Tanh": _plain(nn.Tanh),
    **SCALING,
}


def check_kind(step: Step) -> None:
    """Raise `ArgumentError` if no operator of this kind has a layer."""
    if step.kind not in _RULES:
        raise step.refuse(f"has no layer in xpnet; supported are {', '.join(sorted(_RULES))}")


def add_layer(step: Step, found: Found) -> None:
    """Append the layer of an operator; raise `ArgumentError` if there is none."""
    check_kind(step)
    _RULES[step.kind](step, found)
