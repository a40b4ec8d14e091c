"""Convert networks to and from ONNX files."""

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from xpnet import ops
from xpnet.engine.config import ModelConfig
from xpnet.engine.network import Network
from xpnet.errors import ArgumentError, FormatError, ShapeError
from xpnet.exchange.onnx_file import save_onnx
from xpnet.exchange.onnx_fuse import fused
from xpnet.exchange.onnx_reader import read
from xpnet.exchange.onnx_step import Found
from xpnet.exchange.own_estimators import unbuilt
from xpnet.exchange.predictor import Predictor
from xpnet.exchange.program import Program
from xpnet.exchange.sources import kind_of, predictor
from xpnet.exchange.table_predictor import TablePredictor
from xpnet.model import Model
from xpnet.model_settings import ModelSettings
from xpnet.nn import Sequential
from xpnet.optional import require

if TYPE_CHECKING:
    from xpnet.estimators import MLPClassifier, MLPRegressor
    from xpnet.tabular import TableModel

__all__ = ["from_onnx", "onnx_program", "to_onnx"]

_READ_AS = {
    "softmax_cross_entropy": ops.softmax,
    "focal": ops.softmax,
    "binary_cross_entropy_with_logits": ops.sigmoid,
    "binary_focal": ops.sigmoid,
    "cross_entropy": None,
    "binary_cross_entropy": None,
}


def to_onnx(
    model: "Model | TableModel | MLPClassifier | MLPRegressor",
    path: str | PathLike[str],
    *,
    probabilities: bool = False,
) -> None:
    """Write a model or a fitted estimator to an ONNX file, for any number of rows.

    Parameters
    ----------
    model : Model, TableModel or estimator of xpnet
        A built model, with any network of layers and ops; a model that reads tables, with the
        preparation of its columns; or a fitted estimator.
    path : str or path
        The file; an existing file is replaced.
    probabilities : bool, default False
        Append the function that turns a model's logits into probabilities: softmax for
        softmax_cross_entropy and focal, sigmoid for the binary losses. Otherwise the output is that
        of `Model.predict`. A classifier's file always has probabilities.

    Raises
    ------
    ArgumentError
        If `model` is something else, or is not fitted. If `probabilities` is True and there are
        none.
    GraphError
        If the network computes with its number of rows, or uses a function that ONNX lacks.
    FormatError
        If the parameters take 2 GB or more, or the file cannot be written. An existing file is then
        unchanged.
    MissingDependencyError
        If onnx cannot be imported.

    Notes
    -----
    The input is ``x``. The output of a model is ``y``. A classifier has the outputs ``label``, the
    names of classes as in ``classes_``, and ``probabilities``, or ``scores`` if its loss has no
    probabilities. The output of a regressor is ``prediction``, in the units of its targets. All
    have the shapes that the estimator's ``predict`` and ``predict_proba`` return.

    A table model, such as that of a `TabularClassifier`, has the same outputs, and an input of
    shape (rows, 1) for each column, with its name: float64 numbers, NaN where missing; dates as
    seconds since 1970, likewise; texts for categories and booleans. If all columns are numbers,
    there is one input ``x`` instead, a float64 matrix. The file's ``metadata_props`` hold
    ``columns`` (names, kinds, inputs and categories), ``target`` and ``classes``, as JSON.

    Parameters keep their dotted names. The file uses operator set 20 and is checked by onnx. For
    float64 it uses only operators that onnxruntime computes in float64.
    """
    onnx = require("onnx", "onnx", "xpnet.exchange.to_onnx")
    source = predictor(model, "to_onnx")
    if not isinstance(probabilities, bool):
        raise ArgumentError(f"probabilities must be True or False, got {kind_of(probabilities)}.")
    program = onnx_program(_ended(source) if probabilities else source)
    save_onnx(onnx, program, path, source.metadata)


def onnx_program(source: Predictor | TablePredictor) -> Program:
    """The program as it is written to files: normalizations are one operator each."""
    found = source.program
    results = [tensor.name for tensor in found.outputs.values()]
    return replace(found, operators=fused(found.operators, found.arrays, results))


def from_onnx(path: str | PathLike[str], **settings: Unpack[ModelSettings]) -> Model:
    """Make a model that computes the same as an ONNX file, if its graph is an MLP.

    Parameters
    ----------
    path : str or path
        The file: a chain of products, sums, normalizations and activations, as PyTorch, Keras,
        skl2onnx and others write it; ``docs/exchange.md`` lists the operators.
    **settings
        Arguments of `Model`: ``loss``, ``optimizer``, ``backend``, ...

    Returns
    -------
    Model

    Raises
    ------
    ArgumentError
        If xpnet has no layer for an operator or one of its attributes; the message names it. If
        `path` is not a path, or ``input_shape`` is given.
    FormatError
        If the file does not exist or is not an ONNX file.
    MissingDependencyError
        If onnx cannot be imported.
    """
    onnx = require("onnx", "onnx", "xpnet.exchange.from_onnx")
    if not isinstance(path, str | PathLike):
        raise ArgumentError(
            f"from_onnx expects the path of a file, got {kind_of(path)}. onnx.save writes a model "
            "to a file."
        )
    found = read(onnx, Path(path))
    given: ModelSettings = {"dtype": found.dtype, **settings}
    model = unbuilt("from_onnx", Sequential(*found.layers), given, found.features)
    _check_shapes(model.config, found)  # the file may claim any shape, but its arrays are there
    model.build().load_state_dict(found.state)
    return model


def _check_shapes(config: ModelConfig, found: Found) -> None:
    """Raise unless the arrays in the file have the shapes that its network needs."""
    table = Network.of(config, found.features).table
    try:
        table.check(found.state, {name: array.shape for name, array in found.state.items()})
    except ShapeError as error:
        raise FormatError(f"from_onnx: the shapes in the file do not fit: {error}") from error


def _ended(source: Predictor | TablePredictor) -> Predictor | TablePredictor:
    """The same with probabilities as its result."""
    if source.result == "probabilities":
        return source
    loss = source.model.network.loss.name
    if not isinstance(source, Predictor) or source.result != "y" or loss not in _READ_AS:
        raise ArgumentError(
            f"probabilities are known for the losses {', '.join(_READ_AS)}, not for {loss}. Leave "
            "out probabilities=True."
        )
    return replace(source, finish=_READ_AS[loss])
