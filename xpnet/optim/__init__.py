"""Optimizers and schedules."""

from xpnet.optim.adam import Adam, AdamW, Nadam, RAdam
from xpnet.optim.adaptive import Adadelta, Adagrad, RMSprop
from xpnet.optim.cosine import CosineDecay, CosineRestarts, CosLog, FlatCosine, OneCycle
from xpnet.optim.optimizer import Link, Optimizer
from xpnet.optim.optimizer_names import OptimizerLike, get_optimizer
from xpnet.optim.quasi_newton import LBFGS
from xpnet.optim.schedules import (
    Constant,
    ExponentialDecay,
    InverseScaling,
    InverseTimeDecay,
    PolynomialDecay,
    Scaled,
    Schedule,
    StepDecay,
    Warmup,
    schedule,
)
from xpnet.optim.sgd import SGD, Lion

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Constant",
    "CosLog",
    "CosineDecay",
    "CosineRestarts",
    "ExponentialDecay",
    "FlatCosine",
    "InverseScaling",
    "InverseTimeDecay",
    "Link",
    "Lion",
    "Nadam",
    "OneCycle",
    "Optimizer",
    "OptimizerLike",
    "PolynomialDecay",
    "RAdam",
    "RMSprop",
    "Scaled",
    "Schedule",
    "StepDecay",
    "Warmup",
    "get_optimizer",
    "schedule",
]
