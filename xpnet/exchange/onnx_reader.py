"""Read an ONNX graph that is an MLP, operator by operator."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xpnet.errors import ArgumentError, FormatError
from xpnet.exchange.onnx_patterns import PATTERNS
from xpnet.exchange.onnx_rules import Found, Step, add_layer
from xpnet.typing import DTypeName, Shape

__all__ = ["read"]


def read(onnx: Any, path: Path) -> Found:
    """The MLP in a file; raises `FormatError` or `ArgumentError`."""
    graph = _loaded(onnx, path).graph
    arrays = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    inputs = [value for value in graph.input if value.name not in arrays]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ArgumentError(
            f"from_onnx: the graph has {len(inputs)} inputs and {len(graph.output)} outputs; an "
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
    """The contents of the file, checked by onnx."""
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except OSError as error:
        raise FormatError(f"from_onnx: {path} cannot be read ({error}).") from error
    except Exception as error:  # from protobuf or onnx, which share no base class
        raise FormatError(f"from_onnx: {path} is not a valid ONNX file ({error}).") from error
    return model


def _declared(onnx: Any, value: Any) -> tuple[DTypeName, Shape, int]:
    """The input's type, the shape of one sample, and the number of dimensions."""
    kind = value.type.tensor_type
    single, double = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE
    types: dict[int, DTypeName] = {single: "float32", double: "float64"}
    dtype = types.get(kind.elem_type)
    lengths = [d.dim_value for d in kind.shape.dim]
    if dtype is None or len(lengths) < 2 or not all(lengths[1:]):
        raise ArgumentError(
            f"from_onnx: the input {value.name!r} must be float32 or float64 of shape (rows, "
            f"features, ...) with known features; it is {dtype or 'neither'} of shape"
            f" {lengths} (0: any)."
        )
    return dtype, tuple(lengths[1:]), len(lengths)


def _follow(onnx: Any, graph: Any, value: str, arrays: dict[str, Any], found: Found) -> str:
    """Add a layer for each operator, starting at the input; return the name of the last value."""
    nodes = _operators(onnx, graph, arrays)
    uses = Counter(name for node in nodes for name in node.input)
    while nodes:
        pattern = next((p for p in PATTERNS if p.matches(nodes, value, arrays, uses)), None)
        if pattern is not None:
            found.add(pattern.layer())
            taken = len(pattern.kinds)
        else:
            attributes = {a.name: _attribute(onnx, a) for a in nodes[0].attribute}
            inputs = _constants(nodes[0], value, arrays, uses)
            add_layer(Step(nodes[0].op_type, attributes, inputs), found)
            taken = 1
        value = nodes[taken - 1].output[0]
        del nodes[:taken]
    return value


def _operators(onnx: Any, graph: Any, arrays: dict[str, Any]) -> list[Any]:
    """The operators that compute; constants and their aliases are added to `arrays`."""
    left = []
    for node in graph.node:
        values = [a.t for a in node.attribute if a.name == "value"]
        if node.domain not in ("", "ai.onnx"):
            raise ArgumentError(
                f"from_onnx: operator {node.op_type} is not standard; it belongs to {node.domain}."
            )
        if node.op_type == "Constant" and values:
            arrays[node.output[0]] = onnx.numpy_helper.to_array(values[0])
        elif node.op_type == "Identity" and node.input[0] in arrays:
            arrays[node.output[0]] = arrays[node.input[0]]
        else:
            left.append(node)
    return left


def _constants(
    node: Any, value: str, arrays: Mapping[str, Any], uses: Mapping[str, int]
) -> list[Any]:
    """The constant inputs of an operator, with None for the value that it is applied to."""
    inputs = [name for name in node.input if name]
    others = [name for name in inputs if name not in arrays]
    if others != [value] or uses[value] > 1:
        raise ArgumentError(
            f"from_onnx: the graph branches at operator {node.op_type} of {', '.join(others)}. "
            "Only chains can be read, in which each operator reads the result of the previous one."
        )
    return [None if name == value else arrays[name] for name in inputs]


def _attribute(onnx: Any, attribute: Any) -> Any:
    found = onnx.helper.get_attribute_value(attribute)
    return found.decode() if isinstance(found, bytes) else found
