"""Compute the operators of an ONNX graph that read constants alone."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from xpnet.errors import FormatError
from xpnet.exchange.onnx_content import array_of

__all__ = ["attributes_of", "folded"]

_NUMBERS = {"value_float": "float32", "value_floats": "float32", "value_int": "int64"}
_NUMBERS |= {"value_ints": "int64"}
_FREE = 32 * 2**20  # bytes that all results may take, besides 4 times those of the file
_LENGTHS = 64  # numbers of a shape that is put together


def folded(onnx: Any, nodes: Iterable[Any], arrays: dict[str, Any]) -> list[Any]:
    """The operators that remain; the results of the others are added to `arrays`."""
    left, room = [], _FREE + 4 * sum(array.nbytes for array in arrays.values())
    for node in nodes:
        found = _computed(onnx, node, arrays) if node.domain in ("", "ai.onnx") else None
        if found is None:
            left.append(node)
        else:
            arrays[node.output[0]] = found
            room -= found.nbytes if found.base is None else 0
            if room < 0:
                raise FormatError("from_onnx: computing its constants would take too much memory.")
    return left


def attributes_of(onnx: Any, node: Any) -> dict[str, Any]:
    """The attributes of an operator; texts are decoded."""
    found = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return {name: v.decode() if isinstance(v, bytes) else v for name, v in found.items()}


def _computed(onnx: Any, node: Any, arrays: dict[str, Any]) -> Any:
    """The result of an operator; None if it is unknown here, or reads more than constants."""
    attributes = attributes_of(onnx, node)
    if node.op_type == "Constant":
        return _constant(attributes)
    inputs = [arrays.get(name) for name in node.input]
    rule = _RULES.get(node.op_type)
    if rule is None or not inputs or any(array is None for array in inputs):
        return None
    if "to" in attributes:
        attributes["to"] = onnx.helper.tensor_dtype_to_np_dtype(attributes["to"])
    try:
        return rule(inputs, attributes)
    except (
        ValueError,
        IndexError,
        TypeError,
        KeyError,
    ):  # the operator is invalid; its reader says so
        return None


def _constant(attributes: dict[str, Any]) -> Any:
    if "value" in attributes:
        return array_of(attributes["value"])
    for name, dtype in _NUMBERS.items():
        if name in attributes:
            return np.asarray(attributes[name], dtype)
    return None


def _elementwise(function: Callable[[Any, Any], Any]) -> Callable[[list[Any], Any], Any]:
    def rule(inputs: list[Any], attributes: dict[str, Any]) -> Any:
        size = np.broadcast(*inputs).size
        if size > max(array.size for array in inputs):  # a small file could ask for much memory
            return None
        return np.asarray(function(*inputs)).astype(inputs[0].dtype)

    return rule


def _reshape(inputs: list[Any], attributes: dict[str, Any]) -> Any:
    array, wanted = inputs
    lengths = [int(n) for n in wanted.reshape(-1)]
    if not attributes.get("allowzero", 0):
        lengths = [array.shape[i] if n == 0 else n for i, n in enumerate(lengths)]
    return array.reshape(lengths)


def _gather(inputs: list[Any], attributes: dict[str, Any]) -> Any:
    shape, index = inputs
    return shape[index] if shape.ndim == 1 and index.size <= _LENGTHS else None


def _concat(inputs: list[Any], attributes: dict[str, Any]) -> Any:
    small = sum(array.size for array in inputs) <= _LENGTHS
    return np.concatenate(inputs) if small else None


def _slice(inputs: list[Any], attributes: dict[str, Any]) -> Any:
    """A part of a shape; the ends are attributes before operator set 10."""
    array, *ends = inputs
    first, last = ends[:2] if ends else (attributes["starts"], attributes["ends"])
    whole = array.ndim == 1 and len(ends) < 4  # no steps
    return array[int(np.reshape(first, ())) : int(np.reshape(last, ()))] if whole else None


def _axes(inputs: list[Any], attributes: dict[str, Any]) -> tuple[int, ...] | None:
    """The axes of Squeeze and Unsqueeze: an attribute before operator set 13, later an input."""
    found = inputs[1] if len(inputs) > 1 else attributes.get("axes")
    return None if found is None else tuple(int(n) for n in np.reshape(found, -1))


_RULES: dict[str, Callable[[list[Any], dict[str, Any]], Any]] = {
    "Add": _elementwise(np.add),
    "Cast": lambda inputs, given: inputs[0].astype(given["to"]),
    "Concat": _concat,
    "Div": _elementwise(np.divide),
    "Gather": _gather,
    "Identity": lambda inputs, given: inputs[0],
    "Mul": _elementwise(np.multiply),
    "Neg": lambda inputs, given: -inputs[0],
    "Reciprocal": lambda inputs, given: 1 / inputs[0],
    "Reshape": _reshape,
    "Slice": _slice,
    "Sqrt": lambda inputs, given: np.sqrt(inputs[0]),
    "Squeeze": lambda inputs, given: np.squeeze(inputs[0], _axes(inputs, given)),
    "Sub": _elementwise(np.subtract),
    "Transpose": lambda inputs, given: np.transpose(inputs[0], given.get("perm")),
    "Unsqueeze": lambda inputs, given: np.expand_dims(inputs[0], _axes(inputs, given) or ()),
}
