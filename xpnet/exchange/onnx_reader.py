"""Read an ONNX graph that is an MLP, operator by operator."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xpnet.errors import ArgumentError, FormatError, XpnetError
from xpnet.exchange.onnx_constants import attributes_of, folded
from xpnet.exchange.onnx_content import arrays_named, loaded
from xpnet.exchange.onnx_outputs import needed, pair_of, result_of
from xpnet.exchange.onnx_patterns import PATTERNS
from xpnet.exchange.onnx_rules import add_layer, check_kind
from xpnet.exchange.onnx_step import Found, Step
from xpnet.typing import DTypeName, Shape

__all__ = ["read"]

_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")


def read(onnx: Any, path: Path) -> Found:
    """The MLP in a file; raises `FormatError` or `ArgumentError`."""
    model = loaded(onnx, path)
    try:
        return _found(onnx, model)
    except XpnetError:
        raise
    except Exception as error:  # attributes may have any type and any value
        raise FormatError(
            f"from_onnx: {path} has attributes or tensors of the wrong kind "
            f"({type(error).__name__}: {error})."
        ) from error


def _found(onnx: Any, model: Any) -> Found:
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise ArgumentError(f"from_onnx: the graph has {len(inputs)} inputs; an MLP has one.")
    used = {name for node in graph.node for name in node.input}
    arrays = arrays_named(graph.initializer, used | {value.name for value in graph.output})
    nodes = folded(onnx, graph.node, arrays)
    result = result_of(onnx, graph, nodes)
    if result in arrays:
        raise ArgumentError(f"from_onnx: the output {result!r} does not depend on the input.")
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)
    found = Found(*_declared(onnx, inputs[0]), opset)
    end = _follow(onnx, needed(nodes, result), inputs[0].name, arrays, found)
    if end != result:
        raise ArgumentError(
            f"from_onnx: the chain of operators ends in {end!r}, which is not the graph's output."
        )
    return found


def _declared(onnx: Any, value: Any) -> tuple[DTypeName, Shape]:
    """The input's type and the shape of one sample."""
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
    return dtype, tuple(lengths[1:])


def _follow(onnx: Any, nodes: list[Any], value: str, arrays: dict[str, Any], found: Found) -> str:
    """Add a layer for each operator, starting at the input; return the name of the last value."""
    uses = Counter(name for node in nodes for name in node.input)
    while nodes := _without_shapes(onnx, nodes, value, arrays, uses, found.shape):
        pattern = next((p for p in PATTERNS if p.matches(nodes, value, arrays, uses)), None)
        pair = pair_of(onnx, nodes, value, arrays, uses, found.shape[-1])
        taken = 1
        if pattern is not None:
            found.add(pattern.layer())
            taken = len(pattern.kinds)
        elif pair is not None:
            found.dense(pair.weight, pair.bias)
            taken = 2
        else:
            add_layer(_step(onnx, nodes[0], value, arrays, uses), found)
        value = nodes[taken - 1].output[0]
        del nodes[:taken]
    return value


def _without_shapes(
    onnx: Any,
    nodes: list[Any],
    value: str,
    arrays: dict[str, Any],
    uses: Counter[str],
    shape: Shape,
) -> list[Any]:
    """The operators but those that compute with the value's shape, as before a Reshape.

    The number of rows is 0 there, which Reshape reads as: as many as before.
    """
    found = [n for n in nodes if n.op_type == "Shape" and [*n.input] == [value]]
    if not found or any(node.attribute for node in found):
        return nodes
    for node in found:
        arrays[node.output[0]] = np.array([0, *shape])
        uses[value] -= 1
    return folded(onnx, [node for node in nodes if node not in found], arrays)


def _step(
    onnx: Any, node: Any, value: str, arrays: Mapping[str, Any], uses: Mapping[str, int]
) -> Step:
    """An operator, with its inputs and attributes as values."""
    attributes = attributes_of(onnx, node)
    if "to" in attributes:
        attributes["to"] = onnx.helper.tensor_dtype_to_np_dtype(attributes["to"]).name
    made = Step(node.op_type, node.name, attributes, [])
    if node.domain not in _DOMAINS:
        raise made.refuse(f"is not standard; it belongs to {node.domain}")
    return replace(made, inputs=_constants(made, node, value, arrays, uses))


def _constants(
    step: Step, node: Any, value: str, arrays: Mapping[str, Any], uses: Mapping[str, int]
) -> list[Any]:
    """The constant inputs of an operator; None for the value it is applied to, and for gaps."""
    inputs = [*node.input]
    while inputs and not inputs[-1]:
        del inputs[-1]
    others = [name for name in inputs if name and name not in arrays]
    if not others:
        raise step.refuse("reads only constants, and is not computed when a file is read")
    if others != [value] or uses[value] > 1:
        check_kind(step)
        where = f" (node {node.name!r})" if node.name else ""
        raise ArgumentError(
            f"from_onnx: the graph branches at operator {node.op_type}{where} of "
            f"{', '.join(others)}. Only chains can be read, in which each operator reads the "
            "result of the previous one."
        )
    return [arrays.get(name) for name in inputs]
