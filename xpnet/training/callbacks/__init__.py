"""Code that runs during training."""

from xpnet.training.callbacks.base import Callback, Callbacks
from xpnet.training.callbacks.best import KeepBest
from xpnet.training.callbacks.checkpoint import Checkpoint
from xpnet.training.callbacks.early_stopping import EarlyStopping
from xpnet.training.callbacks.logs import CSVLog, JSONLinesLog
from xpnet.training.callbacks.monitor import GradientMonitor
from xpnet.training.callbacks.plateau import ReduceOnPlateau
from xpnet.training.callbacks.tensorboard import TensorBoard

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
