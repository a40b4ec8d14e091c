"""Training: the model, the loop, data at the door, callbacks, history."""

from xpnet.train.callbacks import (
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
from xpnet.train.history import History
from xpnet.train.loading import load
from xpnet.train.mlp import MLP
from xpnet.train.model import Model
from xpnet.train.saving.registry import register

__all__ = [
    "MLP",
    "CSVLog",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "GradientMonitor",
    "History",
    "JSONLinesLog",
    "KeepBest",
    "Model",
    "ReduceOnPlateau",
    "TensorBoard",
    "load",
    "register",
]
