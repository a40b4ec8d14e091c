"""Multilayer perceptrons written once against the Python Array API.

The same network runs on NumPy and, with ``backend="cupy"``, on an NVIDIA GPU.
"""

from typing import TYPE_CHECKING, Any

from xpnet import backends, errors, ops
from xpnet.graph import value_and_grad
from xpnet.mlp import MLP
from xpnet.model import Model
from xpnet.nn import (
    ELU,
    GELU,
    L1,
    L2,
    SELU,
    Add,
    BatchNorm,
    Concat,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    HardSigmoid,
    HardTanh,
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSigmoid,
    LogSoftmax,
    MaxNorm,
    Maxout,
    Mish,
    Multiply,
    PReLU,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Step,
    Tanh,
    UnitNorm,
    init,
    losses,
)
from xpnet.optim import (
    LBFGS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    CosineDecay,
    CosineRestarts,
    ExponentialDecay,
    InverseScaling,
    InverseTimeDecay,
    Lion,
    Nadam,
    OneCycle,
    PolynomialDecay,
    RAdam,
    RMSprop,
    StepDecay,
    Warmup,
)
from xpnet.saving.loading import load
from xpnet.saving.registry import register
from xpnet.training.callbacks import (
    Callback,
    Checkpoint,
    CSVLog,
    EarlyStopping,
    GradientMonitor,
    JSONLinesLog,
    KeepBest,
    ReduceOnPlateau,
    TensorBoard,
)
from xpnet.training.history import History
from xpnet.version import __version__ as __version__

if TYPE_CHECKING:
    from xpnet import datasets, exchange, plot, testing
    from xpnet.estimators import MLPClassifier as MLPClassifier
    from xpnet.estimators import MLPRegressor as MLPRegressor

__all__ = [
    "ELU",
    "GELU",
    "L1",
    "L2",
    "LBFGS",
    "MLP",
    "SELU",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Add",
    "BatchNorm",
    "CSVLog",
    "Callback",
    "Checkpoint",
    "Concat",
    "CosineDecay",
    "CosineRestarts",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "ExponentialDecay",
    "Flatten",
    "GaussianNoise",
    "GradientMonitor",
    "HardSigmoid",
    "HardTanh",
    "History",
    "Identity",
    "InverseScaling",
    "InverseTimeDecay",
    "JSONLinesLog",
    "KeepBest",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "Lion",
    "LogSigmoid",
    "LogSoftmax",
    "MaxNorm",
    "Maxout",
    "Mish",
    "Model",
    "Multiply",
    "Nadam",
    "OneCycle",
    "PReLU",
    "PolynomialDecay",
    "RAdam",
    "RMSprop",
    "ReLU",
    "ReduceOnPlateau",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Step",
    "StepDecay",
    "Tanh",
    "TensorBoard",
    "UnitNorm",
    "Warmup",
    "backends",
    "datasets",
    "errors",
    "exchange",
    "init",
    "load",
    "losses",
    "ops",
    "plot",
    "register",
    "testing",
    "value_and_grad",
]


# Not among `__all__`: they need scikit-learn, and a star import is to need nothing.
_ESTIMATORS = ("MLPClassifier", "MLPRegressor")


def __getattr__(name: str) -> Any:
    """Import what not all programs use when it is first used: datasets, plots, estimators, ..."""
    from importlib import import_module

    if name in ("datasets", "exchange", "plot", "testing"):
        return import_module(f"xpnet.{name}")
    if name in _ESTIMATORS:
        return getattr(import_module("xpnet.estimators"), name)
    raise AttributeError(f"module 'xpnet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, *_ESTIMATORS, "__version__"]
