"""Layers and combinators: they declare parameters and call ops."""

from xpnet.nn import init, losses
from xpnet.nn.activation_layer import Identity, Linear, Step
from xpnet.nn.activation_names import activation
from xpnet.nn.combinators import Add, Average, Concat, Multiply, Residual, Sequential
from xpnet.nn.dense import Dense, Maxout
from xpnet.nn.dropout import Dropout, GaussianNoise
from xpnet.nn.embedding import Embedding
from xpnet.nn.init.initializer import InitLike
from xpnet.nn.layer import Layer, LayerLike, Penalty, call
from xpnet.nn.learned_scales import LearnedScale, ParametricActivation
from xpnet.nn.losses import Loss, LossLike
from xpnet.nn.losses import get as get_loss
from xpnet.nn.metrics import Metric, MetricLike, get_metrics, loss_metric, mean_over_samples
from xpnet.nn.normalization import BatchNorm, LayerNorm, Standardize
from xpnet.nn.penalties import L1, L2
from xpnet.nn.periodic_embedding import PeriodicEmbedding
from xpnet.nn.rectifiers import ELU, GELU, SELU, LeakyReLU, Mish, PReLU, ReLU, SiLU, Softplus
from xpnet.nn.shaping import Flatten
from xpnet.nn.sigmoids import (
    HardSigmoid,
    HardTanh,
    LogSigmoid,
    LogSoftmax,
    Sigmoid,
    Softmax,
    Softsign,
    Tanh,
)
from xpnet.nn.table_inputs import EmbedColumns, PrepareColumns
from xpnet.nn.weight_constraints import Constraint, MaxNorm, UnitNorm

__all__ = [
    "ELU",
    "GELU",
    "L1",
    "L2",
    "SELU",
    "Add",
    "Average",
    "BatchNorm",
    "Concat",
    "Constraint",
    "Dense",
    "Dropout",
    "EmbedColumns",
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
    "LearnedScale",
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
    "ParametricActivation",
    "Penalty",
    "PeriodicEmbedding",
    "PrepareColumns",
    "ReLU",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Standardize",
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
