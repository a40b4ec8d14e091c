"""Layers and combinators: they declare parameters and call ops."""

from xpnet.nn import init, losses
from xpnet.nn.activations import (
    ELU,
    GELU,
    SELU,
    HardSigmoid,
    HardTanh,
    Identity,
    LeakyReLU,
    Linear,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Step,
    Tanh,
    activation,
)
from xpnet.nn.combinators import Add, Concat, Multiply, Residual, Sequential
from xpnet.nn.constraints import Constraint, MaxNorm, UnitNorm
from xpnet.nn.dense import Dense, Maxout
from xpnet.nn.dropout import Dropout, GaussianNoise
from xpnet.nn.embedding import Embedding
from xpnet.nn.init.initializer import InitLike
from xpnet.nn.layer import Layer, LayerLike, Penalty, call
from xpnet.nn.losses import Loss, LossLike
from xpnet.nn.losses import get as get_loss
from xpnet.nn.metrics import Metric, MetricLike, get_metrics, loss_metric, mean_over_samples
from xpnet.nn.normalization import BatchNorm, LayerNorm
from xpnet.nn.penalties import L1, L2
from xpnet.nn.shaping import Flatten

__all__ = [
    "ELU",
    "GELU",
    "L1",
    "L2",
    "SELU",
    "Add",
    "BatchNorm",
    "Concat",
    "Constraint",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "HardSigmoid",
    "HardTanh",
    "Identity",
    "InitLike",
    "Layer",
    "LayerLike",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "Loss",
    "LossLike",
    "MaxNorm",
    "Maxout",
    "Metric",
    "MetricLike",
    "Mish",
    "Multiply",
    "PReLU",
    "Penalty",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Step",
    "Tanh",
    "UnitNorm",
    "activation",
    "call",
    "get_loss",
    "get_metrics",
    "init",
    "loss_metric",
    "losses",
    "mean_over_samples",
]
