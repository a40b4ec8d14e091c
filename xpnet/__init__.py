"""Multilayer perceptrons written once against the Python Array API.

The same network runs on NumPy and, with ``backend="cupy"``, on an NVIDIA GPU.
"""

from xpnet import backends, datasets, errors, ops
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
