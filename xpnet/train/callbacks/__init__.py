"""Code that runs during training."""

from xpnet.train.callbacks.base import Callback, Callbacks
from xpnet.train.callbacks.best import KeepBest
from xpnet.train.callbacks.checkpoint import Checkpoint
from xpnet.train.callbacks.early_stopping import EarlyStopping
from xpnet.train.callbacks.logs import CSVLog, JSONLinesLog
from xpnet.train.callbacks.monitor import GradientMonitor
from xpnet.train.callbacks.plateau import ReduceOnPlateau
from xpnet.train.callbacks.tensorboard import TensorBoard

__all__ = [
    "CSVLog",
    "Callback",
    "Callbacks",
    "Checkpoint",
    "EarlyStopping",
    "GradientMonitor",
    "JSONLinesLog",
    "KeepBest",
    "ReduceOnPlateau",
    "TensorBoard",
]
