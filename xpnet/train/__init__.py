"""Training: the model, the loop, data at the door, callbacks, history."""

from xpnet.train.callbacks import Callback
from xpnet.train.history import History
from xpnet.train.mlp import MLP
from xpnet.train.model import Model

__all__ = ["MLP", "Callback", "History", "Model"]
