"""A fit at work: epochs of shuffled batches, and everything that is recorded of them."""

from time import perf_counter
from typing import TYPE_CHECKING

from xpnet.train.callbacks import Callbacks
from xpnet.train.door import Data
from xpnet.train.epoch import Epoch
from xpnet.train.history import History
from xpnet.train.measure import measure
from xpnet.train.progress import Progress
from xpnet.train.trainer import Trainer

if TYPE_CHECKING:
    from xpnet.train.model import Model

__all__ = ["Run"]


class Run:
    """One fit.

    Attributes
    ----------
    end : int
        The epoch after which it is done, counted over the model's life.
    batch : int
        Batches of the present epoch that are done.
    seconds : float
        Time spent on the present epoch before `batch`, in a run that was interrupted.
    history : History
    stopping : bool
        Whether it is to end after what it is doing.
    """

    def __init__(
        self,
        model: "Model",
        trainer: Trainer,
        epoch: Epoch,
        epochs: int,
        validation: Data | None,
        callbacks: Callbacks,
        progress: Progress,
    ) -> None:
        self.model, self.trainer, self.epoch = model, trainer, epoch
        self.callbacks, self._validation, self._progress = callbacks, validation, progress
        self.end, self.batch, self.seconds = trainer.epoch + epochs, 0, 0.0
        self.history, self.stopping = History(), False

    def run(self) -> History:
        """Train until the end; return what happened in each epoch."""
        if self.trainer.finite():  # on a GPU, steps made by hand are not checked
            self.trainer.keep("the start of the training")
        self._progress.begin(self.end - self.trainer.epoch, self.epoch.data.rows)
        try:
            self.callbacks.fit_begin(self.model)
            while self.trainer.epoch < self.end and not self.stopping:
                self._one_epoch()
        finally:
            self._progress.close()
            self.callbacks.fit_end(self.model)
        return self.history

    def _one_epoch(self) -> None:
        trainer = self.trainer
        self._progress.epoch()
        if self.batch == 0:
            self.callbacks.epoch_begin(self.model, trainer.epoch + 1)
        start, rate = perf_counter() - self.seconds, trainer.rate()
        with trainer.network.backend.quiet():
            found = self.epoch.run(self, rate)
        if not found:
            return
        seconds = perf_counter() - start
        row: dict[str, float] = {"epoch": trainer.epoch + 1, **found}
        if self._validation is not None:
            found = measure(trainer.network, self._validation, self.model.chunk)
            row.update({f"val_{name}": value for name, value in found.items()})
        trainer.epoch, self.batch, self.seconds = trainer.epoch + 1, 0, 0.0
        row.update({"learning_rate": rate, "seconds": seconds})
        self.history.append(row)
        self._progress.report(row)
        self.stopping = self.callbacks.epoch_end(self.model, trainer.epoch, row)

    def stepped(self, samples: int) -> None:
        """Note that a step was made, and tell the callbacks."""
        self.batch += 1
        self._progress.step(samples)
        for call in self.callbacks.step_end:
            call(self.model, self.trainer.step)
