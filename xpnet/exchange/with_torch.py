"""Read networks of PyTorch."""

from collections.abc import Mapping
from typing import Any, Unpack

from xpnet.arguments import instance
from xpnet.errors import ArgumentError
from xpnet.exchange.torch_checks import as_computed, check_computed, check_unchanged, class_of
from xpnet.exchange.torch_modules import BY_MODULE
from xpnet.exchange.torch_state import fill, on_host, pair_of
from xpnet.exchange.tree import flat, joined, tree
from xpnet.model import Model
from xpnet.model_settings import ModelSettings
from xpnet.nn import Sequential
from xpnet.optional import require
from xpnet.typing import DTypeName, Shape

__all__ = ["from_torch"]

# These modules name the number of input features.
_FEATURES = {"Linear": "in_features", "BatchNorm1d": "num_features"}
# These modules keep the number of features.
_SHAPED = ("Embedding", "Flatten")


def from_torch(
    source: object,
    model: Model | None = None,
    *,
    input_shape: int | Shape | None = None,
    **settings: Unpack[ModelSettings],
) -> Model:
    """Make a model from a torch.nn.Sequential, or fill a model from a state dict.

    Parameters
    ----------
    source : torch.nn.Sequential, another module of torch.nn, or mapping of str to tensor or array
        Sequentials may be nested and may hold Linear, Embedding, LayerNorm, BatchNorm1d, Dropout,
        Flatten, Identity and activations; see ``docs/exchange.md``.
    model : Model, optional
        For a state dict, a model with the same layers, which is filled and returned. Tensors are
        matched with parameters by the names of `to_torch_state_dict`, or else layer by layer, in
        order.
    input_shape : int or tuple of int, optional
        Shape of one sample; by default it is read from the first Linear layer.
    **settings
        Arguments of `Model`: ``loss``, ``optimizer``, ``backend``, ...; ``dtype`` is by default the
        module's.

    Returns
    -------
    Model
        A new model for a module; `model` itself for a state dict.

    Raises
    ------
    ArgumentError
        If xpnet has no layer for a module or one of its settings, or if a hook or a function of its
        own may change what a module computes. Parametrizations are fine. A few random samples are
        computed by both, and must have the same outputs.
    ShapeError
        If the names or shapes of a state dict do not fit `model`, which is then unchanged.
    MissingDependencyError
        If a module is given and torch cannot be imported.

    Examples
    --------
    >>> import torch, xpnet as xn
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    >>> model = xn.exchange.from_torch(net)
    >>> model.network.output_shape
    (3,)
    """
    if isinstance(source, Mapping):
        if model is None or settings or input_shape is not None:
            raise ArgumentError(
                "a state dict has arrays but no layers. Pass only the state dict and the model to "
                "fill: from_torch(state_dict, model)."
            )
        return fill(instance("model", model, Model, "a Model"), source)
    if model is not None:
        raise ArgumentError("a module makes a new model. Leave out `model`.")
    layers = _Layers()
    net = layers.made("", source)
    shape = _features(source) if input_shape is None else input_shape
    if shape is None:
        raise ArgumentError(
            "the shape of one sample cannot be read from the module. Pass it, such as "
            "input_shape=4."
        )
    given: ModelSettings = {"dtype": _dtype(source), **settings}
    made = Model(net, **given, input_shape=shape).build()
    made.load_state_dict(layers.state(made))
    check_computed(source, made)
    return made


# --- a module's layers ----------------------------------------------------------------------------


class _Layers:
    """Makes each module's layer once: a module that occurs twice shares its parameters."""

    def __init__(self) -> None:
        self._nn = require("torch.nn", None, "xpnet.exchange.from_torch of a module")
        self._made: dict[int, Any] = {}
        self._modules: dict[int, Any] = {}  # by the layer that was made for it

    def made(self, name: str, module: Any) -> Any:
        """The layer of the module with this dotted name."""
        if id(module) not in self._made:
            self._made[id(module)] = self._layer(name, module)
        return self._made[id(module)]

    def _layer(self, name: str, module: Any) -> Any:
        if isinstance(module, self._nn.Module):
            check_unchanged(name, module)
        if getattr(type(module), "forward", None) is self._nn.Sequential.forward:
            return Sequential(
                *(self.made(joined(name, str(i)), part) for i, part in enumerate(module))
            )
        kind = class_of(module)
        pair = BY_MODULE.get(kind.__name__)
        if pair is None or kind is not getattr(self._nn, pair.module):
            raise ArgumentError(
                f"from_torch: {f'module {name!r}' if name else 'the module'} is "
                f"{kind.__name__}, for which xpnet has no layer. Supported are "
                f"Sequential, {', '.join(BY_MODULE)}. If your own module wraps a "
                "Sequential, pass that one. For other networks, write the model in xpnet and fill "
                "it with from_torch(module.state_dict(), model)."
            )
        layer = pair.to_layer(name, module)
        self._modules[id(layer)] = as_computed(module)
        return layer

    def state(self, model: Model) -> dict[str, Any]:
        """The parameters of the model that was made, by name."""
        shapes = {call.path: call.shape for call in model.network.graph.scope.calls}
        found: dict[str, Any] = {}
        for piece in flat(tree(model)):
            module, pair = self._modules[id(piece.layer)], pair_of(piece)
            if pair.second(module) and len(shapes[piece.path]) != 2:
                raise ArgumentError(
                    f"{module!r} would get values of shape {shapes[piece.path]}. torch uses axis "
                    "1, xpnet the last axis; they agree only for (samples, features)."
                )
            for own, theirs in pair.parameters.items():
                if (tensor := getattr(module, theirs)) is not None:
                    found[joined(piece.path, own)] = pair.ours(own, on_host(tensor))
        return found


def _features(module: Any) -> int | None:
    """The number of input features, from the first module that names it; None if none does."""
    for part in module.modules():
        kind = class_of(part).__name__
        if kind in _SHAPED:
            return None
        if kind in _FEATURES:
            return int(getattr(part, _FEATURES[kind]))
        if kind == "LayerNorm":
            return int(part.normalized_shape[-1])
    return None


def _dtype(module: Any) -> DTypeName:
    """The dtype: float64 if a parameter has it, else float32."""
    kinds = {str(p.dtype) for p in module.parameters()}
    return "float64" if "torch.float64" in kinds else "float32"
