"""A converter of skl2onnx for the estimators, so that pipelines with them go to ONNX."""

from dataclasses import replace
from typing import Any

import numpy as np

from xpnet.errors import ArgumentError
from xpnet.exchange.onnx_file import OPSET, element, made_tensors
from xpnet.exchange.onnx_writer import Operator
from xpnet.exchange.predictor import Predictor
from xpnet.exchange.sources import estimator_predictor
from xpnet.exchange.with_onnx import onnx_program
from xpnet.optional import require

__all__ = ["register_skl2onnx"]

_PURPOSE = "xpnet.exchange.register_skl2onnx"


def register_skl2onnx() -> None:
    """Let skl2onnx convert pipelines whose steps are xpnet's MLPClassifier and MLPRegressor.

    Call it once, before ``skl2onnx.to_onnx``. A pipeline then has the outputs of one with
    scikit-learn's estimators: ``label`` and ``probabilities`` (with the option ``zipmap=False``),
    or ``variable``.

    Raises
    ------
    MissingDependencyError
        If skl2onnx or scikit-learn cannot be imported.

    Notes
    -----
    skl2onnx knows labels of text and whole numbers; booleans become 0 and 1. Networks compute in
    the type of their weights, whatever the type of the pipeline's input.
    """
    skl2onnx = require("skl2onnx", None, _PURPOSE)
    estimators = require("xpnet.estimators", None, _PURPOSE)
    register = skl2onnx.update_registered_converter
    yes_no = [True, False]
    options = {"zipmap": [*yes_no, "columns"], "nocl": yes_no, "output_class_labels": yes_no}
    register(estimators.MLPClassifier, "XpnetMLPClassifier", _declare, _convert, options=options)
    register(estimators.MLPRegressor, "XpnetMLPRegressor", _declare, _convert)


def _declare(operator: Any) -> None:
    """Set the types and shapes of an operator's outputs."""
    types = require("skl2onnx.common.data_types", None, _PURPOSE)
    rows, source = operator.inputs[0].get_first_dimension(), _source(operator)
    number = types.guess_tensor_type(operator.inputs[0].type).__class__
    result = source.program.outputs[source.result]
    operator.outputs[-1].type = number([rows, 1 if result.ndim == 1 else result.shape[1]])
    if source.choice is not None:
        text = source.choice.classes.dtype == object and not source.choice.several
        label = types.StringTensorType if text else types.Int64TensorType
        operator.outputs[0].type = label([rows, *result.shape[1:][: source.choice.several]])


def _source(operator: Any) -> Predictor:
    """What the estimator of an operator computes."""
    source = estimator_predictor(operator.raw_operator)
    if source.result == "scores":
        raise ArgumentError(
            f"skl2onnx expects probabilities of a classifier, but loss="
            f"{operator.raw_operator.loss!r} has none. Choose another loss, or write the "
            "estimator alone with xpnet.exchange.to_onnx."
        )
    if source.choice is not None:
        options = operator.scope_inst.get_options(operator.raw_operator, {"nocl": False})
        if options["nocl"]:  # the numbers of the classes instead of their names
            numbers = np.arange(len(source.choice.classes))
            return replace(source, choice=replace(source.choice, classes=numbers))
    return source


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the operators of an estimator to the graph of a pipeline."""
    if container.target_opset < OPSET:
        raise ArgumentError(
            f"xpnet's estimators need the operator set {OPSET} or a newer one, got target_opset="
            f"{container.target_opset}."
        )
    onnx = require("onnx", "onnx", _PURPOSE)
    graph, program = _Graph(onnx, scope, container), onnx_program(_source(operator))
    (x,) = program.inputs.values()
    inputs = [graph.cast(variable.full_name, x.dtype) for variable in operator.inputs]
    names = {name: scope.get_unique_variable_name(name) for name in program.names}
    names[x.name] = inputs[0] if len(inputs) == 1 else graph.add("Concat", inputs, axis=1)
    container.initializers.extend(made_tensors(onnx, program, names))
    for op in program.operators:
        graph.write(op, names)
    for variable, tensor in zip(operator.outputs, program.outputs.values(), strict=True):
        shape = [-1, *(variable.type.shape[1:])]
        made = graph.add("Reshape", [names[tensor.name], graph.constant(shape)])
        graph.cast(made, _dtype(variable.type), variable.full_name)


def _dtype(kind: Any) -> str:
    """The element type of a type of skl2onnx."""
    name = type(kind).__name__
    found = {
        "DoubleTensorType": "float64",
        "Int64TensorType": "int64",
        "StringTensorType": "object",
    }
    return found.get(name, "float32")


class _Graph:
    """The graph of a pipeline."""

    def __init__(self, onnx: Any, scope: Any, container: Any) -> None:
        self._onnx, self._scope, self._container = onnx, scope, container

    def add(self, kind: str, inputs: list[str], output: str | None = None, **given: Any) -> str:
        """Add an operator; return the name of its result."""
        output = output or self._scope.get_unique_variable_name(kind.lower())
        name = self._scope.get_unique_operator_name(kind)
        self._container.add_node(kind, inputs, [output], name=name, op_domain="", **given)
        return output

    def cast(self, name: str, dtype: str, output: str | None = None) -> str:
        """Convert a tensor; texts stay as they are."""
        if dtype == "object":
            return self.add("Identity", [name], output)
        return self.add("Cast", [name], output, to=element(self._onnx, dtype))

    def constant(self, numbers: list[int]) -> str:
        """Whole numbers as a constant of the graph."""
        name: str = self._scope.get_unique_variable_name("shape")
        kind = self._onnx.TensorProto.INT64
        self._container.add_initializer(name, kind, [len(numbers)], numbers)
        return name

    def write(self, op: Operator, names: dict[str, str]) -> None:
        """Add an operator of a program."""
        given = dict(op.attributes)
        if "to" in given:
            given["to"] = element(self._onnx, given["to"])
        self.add(op.kind, [names[name] for name in op.inputs], names[op.output], **given)
