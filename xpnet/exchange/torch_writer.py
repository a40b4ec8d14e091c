"""Write networks as modules of PyTorch."""

from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.arguments import flag
from xpnet.errors import ArgumentError
from xpnet.exchange.sources import predictor
from xpnet.exchange.table_predictor import TablePredictor
from xpnet.exchange.torch_fx import graph_module
from xpnet.exchange.torch_modules import BY_LAYER
from xpnet.exchange.torch_state import COUNTER, names, pair_of
from xpnet.exchange.tree import Branch, Piece, flat, host, joined, tree
from xpnet.model import Model
from xpnet.optional import require

if TYPE_CHECKING:
    from xpnet.estimators import MLPClassifier, MLPRegressor
    from xpnet.tabular import TableModel

__all__ = ["to_torch", "to_torch_state_dict"]


def to_torch_state_dict(
    model: "Model | MLPClassifier | MLPRegressor", *, tensors: bool = True
) -> dict[str, Any]:
    """Return the parameters under the names of a torch.nn.Sequential with the same layers.

    Dense weights are transposed to (out, in). A dense layer's activation counts as the next module.
    A nested `Sequential` is a nested torch.nn.Sequential.

    Parameters
    ----------
    model : Model, MLPClassifier or MLPRegressor
        A built model, or a fitted estimator, whose network is a `Sequential` of layers that
        torch.nn has.
    tensors : bool, default True
        Whether to return tensors on the CPU; otherwise NumPy arrays, which do not need torch.

    Raises
    ------
    ArgumentError
        If `model` is something else, such as a model that reads tables, or is not fitted.
    GraphError
        If torch.nn has no module for a layer.

    Examples
    --------
    >>> import xpnet as xn
    >>> [*xn.exchange.to_torch_state_dict(xn.MLP([4, 8, 3]), tensors=False)]
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """
    source = predictor(model, "to_torch_state_dict")
    if isinstance(source, TablePredictor):
        raise ArgumentError(
            "a state dict has no place for the preparation of a table's columns. "
            "to_torch(model).state_dict() has all arrays; to_torch_state_dict(model.model) has "
            "those of the network alone."
        )
    network = source.model
    state = host(network)
    arrays: dict[str, Any] = {}
    for theirs, (pair, path, own) in names(tree(network), state).items():
        arrays[theirs] = np.array(pair.theirs(own, state[joined(path, own)]), order="C")
        if theirs.endswith(".running_var"):
            arrays[f"{theirs.rpartition('.')[0]}.{COUNTER}"] = np.zeros((), np.int64)
    if not flag("tensors", tensors):
        return arrays
    torch = require("torch", None, "xpnet.exchange.to_torch_state_dict with tensors")
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def to_torch(model: "Model | TableModel | MLPClassifier | MLPRegressor") -> Any:
    """Make a module of PyTorch that computes the same, in evaluation mode.

    Penalties and constraints of layers are not copied: they belong to training. The module needs
    nothing of xpnet.

    Parameters
    ----------
    model : Model, TableModel or estimator of xpnet
        A built model, a model that reads tables, or a fitted estimator.

    Returns
    -------
    torch.nn.Sequential or torch.fx.GraphModule
        A Sequential if torch.nn has a module for each layer. Any other network is a GraphModule,
        whose parameters have xpnet's names and shapes.

        For an estimator, the last module of a Sequential makes what `predict_proba` of a classifier
        and `predict` of a regressor return, in their shapes. If the classifier's loss has no
        probabilities, there is no such module, and the outputs are the network's own.

        For a table model, a GraphModule that takes what ``model.schema.encode(table)`` returns, a
        float64 matrix, and returns what `predict_proba` or, for numbers, `predict` returns.

    Raises
    ------
    ArgumentError
        If `model` is something else, or is not fitted.
    GraphError
        If the network computes with its number of rows, or uses a function that cannot be written.
    MissingDependencyError
        If torch cannot be imported.

    Examples
    --------
    >>> import torch, xpnet as xn
    >>> xn.exchange.to_torch(xn.MLP([4, 8, 3]))
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
      (2): Linear(in_features=8, out_features=3, bias=True)
    )
    """
    torch = require("torch", None, "xpnet.exchange.to_torch")
    source = predictor(model, "to_torch")
    if isinstance(source, TablePredictor):
        trained = source.model.network.table.trained
        return graph_module(torch, source.encoded_program, source.result, trained)
    network = _network(torch, source.model)
    if source.finish is None:
        return network
    end = graph_module(torch, source.ending, source.result)
    layers = network if type(network) is torch.nn.Sequential else [network]
    return torch.nn.Sequential(*layers, end).eval()


def _network(torch: Any, model: Model) -> Any:
    """A network alone."""
    branch = tree(model)
    if all(type(piece.layer) in BY_LAYER for piece in flat(branch)):
        net = _chain(torch, model, branch).to(getattr(torch, model.dtype))
        net.load_state_dict(to_torch_state_dict(model))
        return net.eval()
    return graph_module(
        torch, predictor(model, "to_torch").program, "y", model.network.table.trained
    )


def _chain(torch: Any, model: Model, branch: Branch) -> Any:
    """A Sequential of new modules. A layer that occurs twice is one module."""
    state = host(model)
    widths = {call.path: call.shape[-1] for call in model.network.graph.scope.calls if call.shape}
    made: dict[int, Any] = {}

    def modules(items: Branch) -> Any:
        return torch.nn.Sequential(*(one(item) for item in items))

    def one(item: Any) -> Any:
        if not isinstance(item, Piece):
            return modules(item)
        if id(item.layer) not in made:
            weight = state.get(joined(item.path, "weight"))
            inputs = 0 if weight is None else weight.shape[0]
            # A dense layer's call includes its activation, which keeps the number of units.
            made[id(item.layer)] = pair_of(item).to_module(
                torch.nn, item.layer, inputs, widths.get(item.path, 0)
            )
        return made[id(item.layer)]

    return modules(branch)
