"""An epoch's loss as scikit-learn computes it for weighted samples."""

from typing import Any

from xpnet.model import Model
from xpnet.training.callbacks import Callback

__all__ = ["BatchLosses"]


class BatchLosses(Callback):
    """The mean of an epoch's batch losses, weighted by the batches' numbers of samples.

    xpnet's own mean is weighted by the samples' weights.
    """

    def __init__(self, rows: int, batch_size: int) -> None:
        self._rows, self._size = rows, batch_size
        self._losses: list[Any] = []

    def on_step_end(self, model: Model, step: int) -> None:
        self._losses.append(model.batch_loss)

    def mean(self) -> float:
        """The mean of the epoch that has just ended."""
        losses, self._losses = [float(loss) for loss in self._losses], []
        starts = range(0, self._rows, self._size)
        sizes = [min(self._size, self._rows - start) for start in starts]
        total = sum(n * loss for n, loss in zip(sizes, losses, strict=True))
        return float(total / self._rows)
