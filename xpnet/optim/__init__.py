"""Optimisers and learning-rate schedules."""

from xpnet.optim.optimizers import SGD, Adam, Link, Optimizer, get_optimizer
from xpnet.optim.schedules import Constant, Schedule, StepDecay, schedule

__all__ = [
    "SGD",
    "Adam",
    "Constant",
    "Link",
    "Optimizer",
    "Schedule",
    "StepDecay",
    "get_optimizer",
    "schedule",
]
