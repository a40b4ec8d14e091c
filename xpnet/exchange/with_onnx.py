"""Convert networks to and from ONNX files."""

from os import PathLike
from pathlib import Path
from secrets import token_hex
from typing import Any, Unpack

import numpy as np

from xpnet import ops
from xpnet.backends import get
from xpnet.engine.network import Network
from xpnet.errors import ArgumentError, FormatError, GraphError
from xpnet.exchange.onnx_fuse import fused
from xpnet.exchange.onnx_ops import apply
from xpnet.exchange.onnx_reader import read
from xpnet.exchange.onnx_writer import OnnxWriter, Tensor, merged
from xpnet.exchange.tree import host
from xpnet.graph import trace
from xpnet.graph.interpret import constant
from xpnet.kernels.terms import Underivable
from xpnet.model import Model
from xpnet.model_settings import ModelSettings
from xpnet.nn import Sequential
from xpnet.optional import require

__all__ = ["from_onnx", "to_onnx"]

_OPSET = 20  # the first set that has Gelu
_IR = 9  # the file version of this operator set
_ROWS = (7, 11)  # a number that differs between traces of these sizes is the number of rows
_MOST = 2**31 - 2**20  # protobuf's limit, less some room for the rest of the file
_READ_AS = {
    "softmax_cross_entropy": ops.softmax,
    "focal": ops.softmax,
    "binary_cross_entropy_with_logits": ops.sigmoid,
    "binary_focal": ops.sigmoid,
    "cross_entropy": None,
    "binary_cross_entropy": None,
}


def to_onnx(model: Model, path: str | PathLike[str], *, probabilities: bool = False) -> None:
    """Write the network, as it predicts, to an ONNX file for any number of rows.

    Parameters
    ----------
    model : Model
        A built model, with any network of layers and ops.
    path : str or path
        The file; an existing file is replaced.
    probabilities : bool, default False
        Append the function that turns logits into probabilities: softmax for softmax_cross_entropy
        and focal, sigmoid for the binary losses. Otherwise the output is that of `Model.predict`.

    Raises
    ------
    ArgumentError
        If `probabilities` is True and the loss has none.
    GraphError
        If the network computes with its number of rows, or uses a function that ONNX lacks.
    FormatError
        If the parameters take 2 GB or more, or the file cannot be written. An existing file is then
        unchanged.
    MissingDependencyError
        If onnx cannot be imported.

    Notes
    -----
    The input is ``x``, the output is ``y``, and parameters keep their dotted names. The file uses
    operator set 20 and is checked by onnx. For float64 it uses only operators that onnxruntime
    computes in float64.
    """
    onnx = require("onnx", "onnx", "xpnet.exchange.to_onnx")
    network = model.network
    end = _end(network.loss.name) if probabilities else None
    first, other = (_written(network, rows, end) for rows in _ROWS)
    writer, output = first
    arrays = host(model) | merged(writer, other[0])
    operators = writer.operators
    if network.dtype == "float32":  # epsilon is an attribute, so it is float32
        operators = fused(operators, arrays, output.name)
    _check_size(arrays)
    made = _model(onnx, network, operators, arrays, output)
    onnx.checker.check_model(made, full_check=True)
    _save(Path(path), made.SerializeToString())


def from_onnx(path: str | PathLike[str], **settings: Unpack[ModelSettings]) -> Model:
    """Make a model that computes the same as an ONNX file, if its graph is an MLP.

    Parameters
    ----------
    path : str or path
        The file: a chain of Gemm, MatMul and Add, Flatten, BatchNormalization, LayerNormalization,
        Dropout and activations; see ``docs/exchange.md``.
    **settings
        Arguments of `Model`: ``loss``, ``optimizer``, ``backend``, ...

    Returns
    -------
    Model

    Raises
    ------
    ArgumentError
        If xpnet has no layer for an operator or one of its attributes; the message names it.
    FormatError
        If the file does not exist or is not an ONNX file.
    MissingDependencyError
        If onnx cannot be imported.
    """
    onnx = require("onnx", "onnx", "xpnet.exchange.from_onnx")
    found = read(onnx, Path(path))
    given: ModelSettings = {"dtype": found.dtype, **settings}
    model = Model(Sequential(*found.layers), **given, input_shape=found.features).build()
    model.load_state_dict(found.state)
    return model


def _check_size(arrays: dict[str, Any]) -> None:
    size = sum(array.nbytes for array in arrays.values())
    if size > _MOST:
        raise FormatError(
            f"an ONNX file holds at most {_MOST:,} bytes, but the parameters take {size:,}."
        )


def _save(path: Path, content: bytes) -> None:
    """Write the whole file, or leave the existing one unchanged."""
    part = path.with_name(f".xpnet-{token_hex(8)}.tmp")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FormatError(
            f"{path} cannot be written ({error}). Name a file in an existing folder."
        ) from error


def _end(loss: str) -> Any:
    """The op that turns the network's output into probabilities."""
    if loss not in _READ_AS:
        raise ArgumentError(
            f"probabilities are known for the losses {', '.join(_READ_AS)}, not for {loss}. Leave "
            "out probabilities=True."
        )
    return _READ_AS[loss]


def _written(network: Network, rows: int, end: Any) -> tuple[OnnxWriter, Tensor]:
    """The network's operators for this number of rows, and its output."""
    declared = [("x", (rows, *network.features), network.dtype)]
    graph, output = trace(network.net, declared, seed=network.seed, frozen=network.frozen)
    if end is not None:
        output = end(output)
    backend, xp = get("numpy"), OnnxWriter()
    named = (*graph.inputs, *graph.parameters.values())
    tensors = {v: Tensor(xp, v.name, v.shape, v.dtype) for v in named}
    for value in graph.constants:
        array = backend.to_numpy(constant(backend.xp, value, backend.device))
        tensors[value] = xp.constant(array, value.dtype)
    for node in graph.nodes:
        assert isinstance(node.record, ops.Op)
        try:
            inputs = [tensors[v] for v in node.inputs]
            tensors[node.output] = apply(node.record, xp, inputs, node.static)
        except Underivable as error:
            raise GraphError(
                f"ONNX has no operators for {node.record.name!r}, which uses {error}."
            ) from error
    made = tensors[output]
    if output in graph.inputs:  # the graph's output needs its own name
        made = xp.emit("Identity", [made], made.shape, made.dtype)
    return xp, made


def _model(
    onnx: Any, network: Network, operators: list[Any], arrays: dict[str, Any], output: Tensor
) -> Any:
    """The contents of the file."""
    helper = onnx.helper
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(network.dtype))
    nodes = [_node(helper, operator, output.name) for operator in operators]
    used = {name for operator in operators for name in operator.inputs}
    tensors = [onnx.numpy_helper.from_array(a, n) for n, a in arrays.items() if n in used]
    shapes = {"x": network.features, "y": network.output_shape}
    ends = {
        name: helper.make_tensor_value_info(name, kind, ["rows", *shape])
        for name, shape in shapes.items()
    }
    graph = helper.make_graph(nodes, "xpnet", [ends["x"]], [ends["y"]], tensors)
    opset = helper.make_opsetid("", _OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=_IR, producer_name="xpnet")


def _node(helper: Any, operator: Any, output: str) -> Any:
    """One operator; the graph's output is called ``y``."""
    given = dict(operator.attributes)
    if "to" in given:
        given["to"] = helper.np_dtype_to_tensor_dtype(np.dtype(given["to"]))
    inputs, made = (
        ["y" if name == output else name for name in names]
        for names in (operator.inputs, [operator.output])
    )
    return helper.make_node(operator.kind, inputs, made, **given)
