"""Layers and combinators: they declare parameters and call ops."""

from xpnet.nn import init
from xpnet.nn.activations import Identity, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh, activation
from xpnet.nn.combinators import Add, Concat, Multiply, Residual, Sequential
from xpnet.nn.dense import Dense
from xpnet.nn.layer import Layer, LayerLike, call
from xpnet.nn.losses import Loss, get_loss, get_metrics, mean_over_samples

__all__ = [
    "Add",
    "Concat",
    "Dense",
    "Identity",
    "Layer",
    "LayerLike",
    "LogSoftmax",
    "Loss",
    "Multiply",
    "ReLU",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "activation",
    "call",
    "get_loss",
    "get_metrics",
    "init",
    "mean_over_samples",
]
