"""A program as an ONNX file."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from xpnet.errors import FormatError
from xpnet.exchange.onnx_writer import ML, Operator, Tensor
from xpnet.exchange.program import Program
from xpnet.saving.whole_file import writing
from xpnet.typing import FilePath

__all__ = ["OPSET", "element", "made_node", "made_tensors", "save_onnx"]

OPSET = 20  # the first set that has Gelu
_ML_SET = 3  # the set of ai.onnx.ml
_IR = 9  # the file version of this operator set
_MOST = 2**31 - 2**20  # protobuf's limit, less some room for the rest of the file


def save_onnx(
    onnx: Any, program: Program, path: FilePath, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a program to a file, with texts by name as its ``metadata_props``.

    Raises
    ------
    FormatError
        If the parameters take 2 GB or more, or the file cannot be written.
    """
    size = sum(array.nbytes for array in program.arrays.values())
    if size > _MOST:
        raise FormatError(
            f"an ONNX file holds at most {_MOST:,} bytes, but the parameters take {size:,}."
        )
    made = _model(onnx, program)
    onnx.helper.set_model_props(made, dict(metadata or {}))
    onnx.checker.check_model(made, full_check=True)
    content = made.SerializeToString()
    with writing(path) as temporary:
        temporary.write_bytes(content)


def made_node(onnx: Any, operator: Operator, names: Mapping[str, str]) -> Any:
    """One operator, with its tensors called by these names."""
    given = dict(operator.attributes)
    if "to" in given:
        given["to"] = element(onnx, given["to"])
    inputs, outputs = (
        [names[name] for name in own] for own in (operator.inputs, [operator.output])
    )
    return onnx.helper.make_node(operator.kind, inputs, outputs, domain=operator.domain, **given)


def made_tensors(onnx: Any, program: Program, names: Mapping[str, str]) -> list[Any]:
    """The arrays that the operators read."""
    used = {name for operator in program.operators for name in operator.inputs}
    make = onnx.numpy_helper.from_array
    return [make(array, names[name]) for name, array in program.arrays.items() if name in used]


def element(onnx: Any, dtype: str) -> Any:
    """ONNX's number of an element type; ``"object"`` stands for texts."""
    return onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def _model(onnx: Any, program: Program) -> Any:
    """The contents of the file."""
    helper, names = onnx.helper, program.names
    nodes = [made_node(onnx, operator, names) for operator in program.operators]
    inputs, outputs = (
        [_port(onnx, names[tensor.name], tensor) for tensor in ends.values()]
        for ends in (program.inputs, program.outputs)
    )
    graph = helper.make_graph(nodes, "xpnet", inputs, outputs, made_tensors(onnx, program, names))
    opsets = [helper.make_opsetid("", OPSET)]
    if any(operator.domain for operator in program.operators):
        opsets.append(helper.make_opsetid(ML, _ML_SET))
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR, producer_name="xpnet")


def _port(onnx: Any, name: str, tensor: Tensor) -> Any:
    shape = ["rows", *tensor.shape[1:]]
    return onnx.helper.make_tensor_value_info(name, element(onnx, tensor.dtype), shape)
