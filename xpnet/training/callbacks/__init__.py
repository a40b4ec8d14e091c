"""Code that runs during training."""

from xpnet.training.callbacks.callback import Callback, Callbacks
from xpnet.training.callbacks.early_stopping import EarlyStopping
from xpnet.training.callbacks.keep_best import KeepBest
from xpnet.training.callbacks.logs import CSVLog, JSONLinesLog
from xpnet.training.callbacks.monitor import GradientMonitor
from xpnet.training.callbacks.optuna_pruning import OptunaPruning
from xpnet.training.callbacks.plateau import ReduceOnPlateau
from xpnet.training.callbacks.tensorboard import TensorBoard

__all__ = [
    "CSVLog",
    "Callback",
    "Callbacks",
    "EarlyStopping",
    "GradientMonitor",
    "JSONLinesLog",
    "KeepBest",
    "OptunaPruning",
    "ReduceOnPlateau",
    "TensorBoard",
]
