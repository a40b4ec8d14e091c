"""A converter of skl2onnx for the estimators, so that pipelines with them go to ONNX."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from xpnet.errors import ArgumentError
from xpnet.exchange.onnx_file import OPSET, element, made_tensors
from xpnet.exchange.onnx_writer import ML, Operator
from xpnet.exchange.predictor import Predictor
from xpnet.exchange.program import Program
from xpnet.exchange.sources import predictor
from xpnet.exchange.table_predictor import TablePredictor
from xpnet.exchange.with_onnx import onnx_program
from xpnet.optional import require

__all__ = ["register_skl2onnx"]

_ML_SET = 2  # the set of ai.onnx.ml that first has the encoders as they are now
_PURPOSE = "xpnet.exchange.register_skl2onnx"


def register_skl2onnx() -> None:
    """Let skl2onnx convert pipelines with xpnet's estimators.

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
    for name in estimators.__all__:
        kind = getattr(estimators, name)
        own = {"options": options} if hasattr(kind, "predict_proba") else {}
        register(kind, f"Xpnet{name}", _declare, _convert, **own)


def _declare(operator: Any) -> None:
    """Set the types and shapes of an operator's outputs."""
    types = require("skl2onnx.common.data_types", None, _PURPOSE)
    rows, source = operator.inputs[0].get_first_dimension(), _source(operator)
    double = any(isinstance(given.type, types.DoubleTensorType) for given in operator.inputs)
    number = types.DoubleTensorType if double else types.FloatTensorType
    result = source.program.outputs[source.result]
    operator.outputs[-1].type = number([rows, 1 if result.ndim == 1 else result.shape[1]])
    if source.choice is not None:
        text = source.choice.classes.dtype == object and not source.choice.several
        label = types.StringTensorType if text else types.Int64TensorType
        operator.outputs[0].type = label([rows, *result.shape[1:][: source.choice.several]])


def _source(operator: Any) -> Predictor | TablePredictor:
    """What the estimator of an operator computes."""
    source = predictor(operator.raw_operator, _PURPOSE)
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
            f"xpnet's estimators need operator set {OPSET} or newer, got target_opset="
            f"{container.target_opset}."
        )
    onnx = require("onnx", "onnx", _PURPOSE)
    graph, source = _Graph(onnx, scope, container), _source(operator)
    program = onnx_program(source)
    names = {name: scope.get_unique_variable_name(name) for name in program.names}
    names |= _inputs(graph, source, program, operator.inputs)
    container.initializers.extend(made_tensors(onnx, program, names))
    for op in program.operators:
        graph.write(op, names)
    for variable, tensor in zip(operator.outputs, program.outputs.values(), strict=True):
        shape = [-1, *(variable.type.shape[1:])]
        made = graph.add("Reshape", [names[tensor.name], graph.constant(shape)])
        graph.cast(made, _dtype(variable.type), variable.full_name)


def _inputs(
    graph: "_Graph", source: Predictor | TablePredictor, program: Program, given: list[Any]
) -> dict[str, str]:
    """The names of a program's inputs: a matrix, or columns by name."""
    columns = [variable.full_name for variable in given]
    if len(given) > 1 and source.columns:
        columns = _by_name(source.columns, given)
    if [*program.inputs] != ["x"]:
        pairs = zip(program.inputs.values(), columns, strict=True)
        return {tensor.name: graph.cast(name, tensor.dtype) for tensor, name in pairs}
    x = program.inputs["x"]
    parts = [graph.cast(name, x.dtype) for name in columns]
    return {x.name: parts[0] if len(parts) == 1 else graph.add("Concat", parts, axis=1)}


def _by_name(wanted: Sequence[str], given: list[Any]) -> list[str]:
    """The names of the variables for these columns."""
    known = {variable.raw_name: variable.full_name for variable in given}
    missing = [name for name in wanted if name not in known]
    if missing:
        raise ArgumentError(
            f"the estimator reads the column {missing[0]!r}, but skl2onnx gives it "
            f"{', '.join(map(repr, known))}."
        )
    return [known[name] for name in wanted]


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

    def add(
        self,
        kind: str,
        inputs: list[str],
        output: str | None = None,
        *,
        domain: str = "",
        **given: Any,
    ) -> str:
        """Add an operator; return the name of its result."""
        output = output or self._scope.get_unique_variable_name(kind.lower())
        name = self._scope.get_unique_operator_name(kind)
        version = _ML_SET if domain == ML else None  # skl2onnx takes the newest that it knows
        self._container.add_node(
            kind, inputs, [output], name=name, op_domain=domain, op_version=version, **given
        )
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
        inputs = [names[name] for name in op.inputs]
        self.add(op.kind, inputs, names[op.output], domain=op.domain, **given)
