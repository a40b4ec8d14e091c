"""Fuse neighboring operators that together form one standard operator."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from xpnet.exchange.onnx_writer import Operator

__all__ = ["fused"]

_STANDARDIZED = ["Sub", "Add", "Sqrt", "Div"]


def fused(
    operators: list[Operator], arrays: dict[str, Any], results: Iterable[str]
) -> list[Operator]:
    """The same computation with normalizations as one operator each.

    Parameters
    ----------
    operators : list of Operator
    arrays : dict of str to array
        Parameters and constants; a normalization's missing ones are added.
    results : iterable of str
        The names of the graph's outputs, which must stay.
    """
    uses = Counter(name for operator in operators for name in operator.inputs)
    uses.update(results)
    found: list[Operator] = []
    at = 0
    while at < len(operators):
        made, taken = _batch_norm(operators[at : at + 4], arrays, uses), 4
        if made is None:
            made, taken = operators[at], 1
        if made.kind in ("BatchNormalization", "LayerNormalization"):
            scaled = _scaled(made, operators[at + taken : at + taken + 2], arrays, uses)
            made, taken = (made, taken) if scaled is None else (scaled, taken + 2)
        found.append(made)
        at += taken
    return found


def _batch_norm(part: list[Operator], arrays: dict[str, Any], uses: Counter[str]) -> Any:
    """(x - mean) / sqrt(variance + epsilon) as one operator; None if the four do not match."""
    if [operator.kind for operator in part] != _STANDARDIZED:
        return None
    centered, shifted, root, ratio = part
    x, mean = centered.inputs
    variance, epsilon = shifted.inputs
    linked = root.inputs == (shifted.output,) and ratio.inputs == (centered.output, root.output)
    lone = all(uses[operator.output] == 1 for operator in part[:3])
    known = all(name in arrays for name in (mean, variance, epsilon))
    if not (linked and lone and known and x not in arrays and arrays[epsilon].ndim == 0):
        return None
    if arrays[mean].ndim != 1 or arrays[mean].shape != arrays[variance].shape:
        return None
    if arrays[mean].dtype != np.float32:  # epsilon is an attribute, so it is float32
        return None
    like = arrays[mean]
    ones, zeros = _filled(arrays, np.ones_like(like)), _filled(arrays, np.zeros_like(like))
    inputs = (x, ones, zeros, mean, variance)
    return Operator("BatchNormalization", inputs, ratio.output, {"epsilon": float(arrays[epsilon])})


def _scaled(
    made: Operator, part: list[Operator], arrays: dict[str, Any], uses: Counter[str]
) -> Any:
    """A normalization with the weight and bias that follow it; None if none follow."""
    if [operator.kind for operator in part] != ["Mul", "Add"]:
        return None
    product, total = part
    (x, weight), (y, bias) = product.inputs, total.inputs
    linked = x == made.output and y == product.output and uses[x] == uses[y] == 1
    length = arrays[made.inputs[1]].shape
    if not linked or any(n not in arrays or arrays[n].shape != length for n in (weight, bias)):
        return None
    inputs = (made.inputs[0], weight, bias, *made.inputs[3:])
    return Operator(made.kind, inputs, total.output, made.attributes)


def _filled(arrays: dict[str, Any], array: Any) -> str:
    """Add a constant vector with equal elements; return its name."""
    name = f"/{array.shape[0]} x {array.flat[0]:g}"
    arrays[name] = array
    return name
