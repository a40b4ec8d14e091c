"""The table of xpnet's layers and torch.nn's modules: settings, parameters, restrictions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xpnet import nn
from xpnet.errors import ArgumentError

__all__ = ["BY_LAYER", "BY_MODULE", "PAIRS", "Pair"]


@dataclass(frozen=True)
class Pair:
    """A module of torch.nn and the equivalent layer.

    Attributes
    ----------
    module : str
        Name of the class in torch.nn.
    layer : type
    settings : dict of str to str
        Maps the layer's settings to the module's.
    fixed : dict
        Settings of the module for which xpnet has only one value.
    parameters : dict of str to str
        Maps the layer's parameters to the module's.
    transposed : bool
        Whether ``weight`` is (out, in) in torch.
    squared : str
        Name of the layer's parameter whose square is the module's.
    sizes : callable or None
        ``sizes(layer, features in, features out)``: further arguments of the module.
    read : callable or None
        ``read(module)``: further arguments of the layer.
    second : callable
        ``second(module)``: whether the module works along axis 1; xpnet always uses the last axis.
    """

    module: str
    layer: type
    settings: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    transposed: bool = False
    squared: str = ""
    sizes: Callable[[Any, int, int], dict[str, Any]] | None = None
    read: Callable[[Any], dict[str, Any]] | None = None
    second: Callable[[Any], bool] = lambda module: False

    def to_layer(self, name: str, module: Any) -> Any:
        """Make the layer that is equivalent to this module.

        Raises
        ------
        ArgumentError
            If a setting has a value that xpnet does not support.
        """
        for setting, value in self.fixed.items():
            found = getattr(module, setting)
            if found != value:
                raise ArgumentError(
                    f"module {name!r}, {module!r}, has {setting}={found!r}; xpnet has only "
                    f"{setting}={value!r}."
                )
        given = {own: getattr(module, theirs) for own, theirs in self.settings.items()}
        return self.layer(**given, **({} if self.read is None else self.read(module)))

    def theirs(self, own: str, array: Any) -> Any:
        """A parameter of the layer as the module has it."""
        return array * array if own == self.squared else self._turned(own, array)

    def ours(self, own: str, array: Any) -> Any:
        """A parameter of the module as the layer has it."""
        return array**0.5 if own == self.squared else self._turned(own, array)

    def _turned(self, own: str, array: Any) -> Any:
        return array.T if self.transposed and own == "weight" else array

    def to_module(self, torch_nn: Any, layer: Any, inputs: int, outputs: int) -> Any:
        """Make the module that is equivalent to this layer with these numbers of features."""
        given = {theirs: _number(getattr(layer, own)) for own, theirs in self.settings.items()}
        sizes = {} if self.sizes is None else self.sizes(layer, inputs, outputs)
        return getattr(torch_nn, self.module)(**given, **self.fixed, **sizes)


def _number(setting: Any) -> Any:
    """A setting; instead of a schedule, its value at the start of the training."""
    return setting(0) if callable(setting) else setting


def _scale_and_shift(module: Any) -> dict[str, Any]:
    """The arguments of a normalization over one axis, with both parameters or neither."""
    if (module.weight is None) != (module.bias is None):
        raise ArgumentError(f"{module!r}: xpnet needs both a weight and a bias, or neither.")
    if len(getattr(module, "normalized_shape", "1")) > 1:
        raise ArgumentError(f"{module!r}: xpnet normalizes only over the last axis.")
    return {}


def _along_features(module: Any) -> dict[str, Any]:
    """The arguments of a softmax over the features of (samples, features)."""
    if module.dim not in (-1, 1):
        raise ArgumentError(f"{module!r}: xpnet supports only dim=-1, the last axis.")
    return {}


_AFFINE = {"weight": "weight", "bias": "bias"}
_PLAIN = """Identity ReLU SELU SiLU Mish Softsign Sigmoid LogSigmoid Tanh""".split()
PAIRS = (
    *(Pair(name, getattr(nn, name)) for name in _PLAIN),
    *(
        Pair(
            name,
            getattr(nn, name),
            sizes=lambda *_: {"dim": -1},
            read=_along_features,
            second=lambda module: module.dim == 1,
        )
        for name in ("Softmax", "LogSoftmax")
    ),
    Pair("Hardsigmoid", nn.HardSigmoid),
    Pair("Hardtanh", nn.HardTanh, fixed={"min_val": -1.0, "max_val": 1.0}),
    Pair("LeakyReLU", nn.LeakyReLU, {"slope": "negative_slope"}),
    Pair("ELU", nn.ELU, {"alpha": "alpha"}),
    Pair("GELU", nn.GELU, {"approximate": "approximate"}),
    # Above its threshold torch returns x, which is ln(1 + e**x) to 2e-9.
    Pair("Softplus", nn.Softplus, fixed={"beta": 1.0, "threshold": 20.0}),
    Pair("Dropout", nn.Dropout, {"rate": "p"}),
    Pair("Flatten", nn.Flatten, fixed={"start_dim": 1, "end_dim": -1}),
    Pair(
        "PReLU",
        nn.PReLU,
        parameters={"slope": "weight"},
        sizes=lambda layer, _, units: {"num_parameters": 1 if layer.shared else units},
        read=lambda module: {"shared": module.num_parameters == 1},
        second=lambda module: module.num_parameters > 1,
    ),
    Pair(
        "Linear",
        nn.Dense,
        parameters=_AFFINE,
        transposed=True,
        sizes=lambda layer, inputs, units: {
            "in_features": inputs,
            "out_features": units,
            "bias": layer.bias,
        },
        read=lambda module: {"units": module.out_features, "bias": module.bias is not None},
    ),
    Pair(
        "LayerNorm",
        nn.LayerNorm,
        {"epsilon": "eps", "affine": "elementwise_affine"},
        parameters=_AFFINE,
        sizes=lambda _, __, units: {"normalized_shape": units},
        read=_scale_and_shift,
    ),
    Pair(  # with fixed statistics; a module of torch becomes the next layer
        "BatchNorm1d",
        nn.Standardize,
        fixed={"eps": 0.0, "affine": False},
        parameters={"mean": "running_mean", "std": "running_var"},
        squared="std",
        sizes=lambda _, __, units: {"num_features": units},
    ),
    Pair(
        "BatchNorm1d",
        nn.BatchNorm,
        {"epsilon": "eps", "momentum": "momentum", "affine": "affine"},
        {"track_running_stats": True},
        {**_AFFINE, "running_mean": "running_mean", "running_var": "running_var"},
        sizes=lambda _, __, units: {"num_features": units},
        read=_scale_and_shift,
        second=lambda module: True,
    ),
    Pair(
        "Embedding",
        nn.Embedding,
        {"size": "num_embeddings", "units": "embedding_dim"},
        {"padding_idx": None, "max_norm": None, "scale_grad_by_freq": False},
        {"weight": "weight"},
    ),
)
BY_MODULE = {pair.module: pair for pair in PAIRS}
BY_LAYER = {pair.layer: pair for pair in PAIRS}
