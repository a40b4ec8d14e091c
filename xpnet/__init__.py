"""Multilayer perceptrons written once against the Python Array API.

The same network runs on NumPy and, with ``backend="cupy"``, on an NVIDIA GPU.
"""

from typing import TYPE_CHECKING, Any

from xpnet import backends, errors, ops
from xpnet.graph import value_and_grad
from xpnet.nn import (
    Add,
    Concat,
    Dense,
    Identity,
    Layer,
    LogSoftmax,
    Multiply,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    init,
)
from xpnet.optim import SGD, Adam, StepDecay
from xpnet.train import MLP, Callback, History, Model

if TYPE_CHECKING:
    from xpnet import datasets

__version__ = "0.1.0"

__all__ = [
    "MLP",
    "SGD",
    "Adam",
    "Add",
    "Callback",
    "Concat",
    "Dense",
    "History",
    "Identity",
    "Layer",
    "LogSoftmax",
    "Model",
    "Multiply",
    "ReLU",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "StepDecay",
    "Tanh",
    "backends",
    "datasets",
    "errors",
    "init",
    "ops",
    "value_and_grad",
]


def __getattr__(name: str) -> Any:
    """Import `xpnet.datasets` when it is first used: not every program reads data from files."""
    if name == "datasets":
        from importlib import import_module

        return import_module("xpnet.datasets")
    raise AttributeError(f"module 'xpnet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
