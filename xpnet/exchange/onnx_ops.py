"""Ops that are single ONNX operators. All other ops are written by their definitions."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from xpnet.exchange.onnx_writer import OnnxWriter, Tensor
from xpnet.ops.gather import AS_INDEX
from xpnet.ops.record import Op

__all__ = ["apply"]

Rule = Callable[..., Tensor]


def _same(kind: str, xp: OnnxWriter, x: Tensor, **attributes: Any) -> Tensor:
    """An operator with one input and an output of the same shape."""
    return xp.emit(kind, [x], x.shape, x.dtype, **attributes)


def _affine(xp: OnnxWriter, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    if (x.ndim, w.ndim, b.ndim) == (2, 2, 1):
        return xp.emit("Gemm", [x, w, b], (x.shape[0], w.shape[1]), x.dtype)
    added: Tensor = xp.matmul(x, w) + (b if b.ndim == 1 else xp.expand_dims(b, axis=-2))
    return added


def _clip(xp: OnnxWriter, x: Tensor) -> Tensor:
    ends = [xp.constant(end, x.dtype) for end in (-1.0, 1.0)]
    return xp.emit("Clip", [x, *ends], x.shape, x.dtype)


def _prelu(xp: OnnxWriter, x: Tensor, a: Tensor) -> Tensor:
    return xp.emit("PRelu", [x, a], x.shape, x.dtype)


def _layer_norm(xp: OnnxWriter, x: Tensor, *, epsilon: float) -> Tensor:
    ones = xp.constant(np.ones(x.shape[-1]), x.dtype)
    return xp.emit("LayerNormalization", [x, ones], x.shape, x.dtype, axis=-1, epsilon=epsilon)


def _as_index(xp: OnnxWriter, x: Tensor, *, dtype: str, whole: bool) -> Tensor:
    if not whole:
        return AS_INDEX.fn(xp, x, dtype=dtype)  # type: ignore[no-any-return]
    found = xp.astype(x, dtype)  # what is not a whole number of this type differs afterwards
    return xp.where(xp.equal(xp.astype(found, x.dtype), x), found, -1)


_BOTH: dict[str, Rule] = {
    "affine": _affine,
    "as_index": _as_index,
    "hard_tanh": _clip,
    "identity": partial(_same, "Identity"),
    "log_softmax": partial(_same, "LogSoftmax", axis=-1),
    "relu": partial(_same, "Relu"),
    "sigmoid": partial(_same, "Sigmoid"),
    "silu": lambda xp, x: x * _same("Sigmoid", xp, x),
    "softmax": partial(_same, "Softmax", axis=-1),
}
# Attributes are float32, and onnxruntime computes most of these only in float32.
_SINGLE: dict[str, Rule] = {
    "elu": lambda xp, x, *, alpha: _same("Elu", xp, x, alpha=alpha),
    "erf": partial(_same, "Erf"),
    "gelu": partial(_same, "Gelu"),
    "gelu_tanh": partial(_same, "Gelu", approximate="tanh"),
    "hard_sigmoid": partial(_same, "HardSigmoid", alpha=1 / 6, beta=0.5),
    "leaky_relu": lambda xp, x, *, slope: _same("LeakyRelu", xp, x, alpha=slope),
    "mish": partial(_same, "Mish"),
    "prelu": _prelu,
    "selu": partial(_same, "Selu"),
    "softplus": partial(_same, "Softplus"),
    "softsign": partial(_same, "Softsign"),
    "standardize_features": _layer_norm,
}


def apply(op: Op, xp: OnnxWriter, inputs: list[Tensor], static: dict[str, Any]) -> Tensor:
    """Write one op."""
    settings = {**(op.fn.__kwdefaults__ or {}), **static}
    rule = _BOTH.get(op.name)
    if rule is None and inputs[0].dtype == "float32":
        rule = _SINGLE.get(op.name)
    if rule is not None:
        return rule(xp, *inputs, **settings)
    result = op.fn(xp, *inputs, **settings)
    output: Tensor = result[0] if op.saves else result
    return output
