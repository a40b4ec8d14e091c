"""The bytes of an ONNX file as a graph and its arrays, checked before memory is asked for."""

import os
from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from xpnet.errors import FormatError
from xpnet.exchange.wire import check_wire
from xpnet.optional import require
from xpnet.saving.whole_file import open_file

__all__ = ["array_of", "arrays_named", "loaded"]

_LARGEST = 2**31  # bytes: protobuf's limit
_OPERATORS = 10_000
_FUNCTIONS = 200  # local ones: fewer than Python may nest calls

# Element types of ONNX by number: NumPy's type of raw bytes, the other field that may hold them,
# and NumPy's type of what that field holds.
_TYPES = {
    1: ("<f4", "float_data", "f4"),
    2: ("u1", "int32_data", "i4"),
    3: ("i1", "int32_data", "i4"),
    6: ("<i4", "int32_data", "i4"),
    7: ("<i8", "int64_data", "i8"),
    9: ("?", "int32_data", "i4"),
    10: ("<f2", "int32_data", "u2"),
    11: ("<f8", "double_data", "f8"),
}
_TEXT = 8


def loaded(onnx: Any, path: Path) -> Any:
    """The model in a file, whose form is checked by onnx, without local functions.

    Raises
    ------
    FormatError
        If it cannot be read, is no such file, or has more than the limits allow.
    """
    try:
        with open_file(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            content = stream.read(size if size <= _LARGEST else 0)
    except (OSError, FormatError) as error:
        raise FormatError(f"from_onnx: {path} cannot be read ({error}).") from error
    if size > _LARGEST:
        raise FormatError(f"from_onnx: {path} has more than {_LARGEST:,} bytes.")
    try:
        check_wire(content, onnx.ModelProto.DESCRIPTOR)
        model = onnx.load_model_from_string(content)
        del content
        onnx.checker.check_model(model)
        if model.functions:  # as PyTorch's newer exporter writes them
            _check_inlined(model)
            inliner = require("onnx.inliner", "onnx", "xpnet.exchange.from_onnx")
            model = inliner.inline_local_functions(model)
    except FormatError as error:
        raise FormatError(f"from_onnx: {path} {error}") from error
    except Exception as error:  # from protobuf or onnx, which share no base class
        raise FormatError(f"from_onnx: {path} is not a valid ONNX file ({error}).") from error
    if len(model.graph.node) > _OPERATORS:
        raise FormatError(f"from_onnx: {path} has more than {_OPERATORS:,} operators.")
    return model


def _check_inlined(model: Any) -> None:
    """Refuse local functions that call each other so often that their operators are too many."""
    bodies = {(f.domain, f.name): f.node for f in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(nodes: Any, depth: int) -> int:
        if depth > len(bodies):
            raise FormatError("has local functions that call themselves.")
        return sum(1 if key not in bodies else of(key, depth) for key in map(_called, nodes))

    def of(key: tuple[str, str], depth: int) -> int:
        if key not in sizes:
            sizes[key] = size(bodies[key], depth + 1)
        return sizes[key]

    if len(bodies) > _FUNCTIONS or size(model.graph.node, 0) > _OPERATORS:
        raise FormatError(
            f"has more than {_FUNCTIONS} local functions or {_OPERATORS:,} operators."
        )


def _called(node: Any) -> tuple[str, str]:
    return node.domain, node.op_type


def arrays_named(tensors: Iterable[Any], names: set[str]) -> dict[str, Any]:
    """The tensors with these names as arrays."""
    return {tensor.name: array_of(tensor) for tensor in tensors if tensor.name in names}


def array_of(tensor: Any) -> Any:
    """A tensor as an array.

    Raises
    ------
    FormatError
        If its shape, its type and its bytes do not fit.
    """
    name, shape = tensor.name[:200], tuple(tensor.dims)
    if tensor.data_type not in (*_TYPES, _TEXT):
        raise FormatError(
            f"from_onnx: the tensor {name!r} has the element type {tensor.data_type}; supported "
            f"are {', '.join(map(str, (*_TYPES, _TEXT)))}, as ONNX numbers them."
        )
    if tensor.data_type == _TEXT:
        return _texts(name, shape, tensor.string_data)
    raw_type, field, stored = _TYPES[tensor.data_type]
    values, dtype = getattr(tensor, field), np.dtype(raw_type)
    held = len(tensor.raw_data) / dtype.itemsize if tensor.HasField("raw_data") else len(values)
    _check_size(name, shape, held)
    if tensor.HasField("raw_data"):
        return np.frombuffer(tensor.raw_data, dtype).reshape(shape)
    array = np.fromiter(values, stored, len(values))
    return (array.view(dtype) if dtype.kind == "f" else array.astype(dtype)).reshape(shape)


def _texts(name: str, shape: tuple[int, ...], values: Any) -> Any:
    """An array of texts, such as names of classes."""
    _check_size(name, shape, len(values))
    array = np.empty(len(values), object)
    array[:] = [value.decode(errors="replace") for value in values]
    return array.reshape(shape)


def _check_size(name: str, shape: tuple[int, ...], held: float) -> None:
    """Refuse a shape that does not fit the number of elements."""
    if any(n <= 0 for n in shape) or prod(shape) != held:
        raise FormatError(
            f"from_onnx: the tensor {name!r} claims the shape {shape[:20]}, but holds {held:g} "
            "elements."
        )
