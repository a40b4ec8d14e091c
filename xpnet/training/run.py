"""A fit at work: epochs of shuffled batches, and everything that is recorded of them."""

from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

from xpnet.data.targets import Data
from xpnet.engine.trainer import Trainer
from xpnet.saving import Snapshot
from xpnet.saving.fit_state import check, describe, put_back
from xpnet.training.callbacks import Callbacks
from xpnet.training.epoch import Epoch
from xpnet.training.history import History
from xpnet.training.interrupts import Interrupts
from xpnet.training.measure import measure
from xpnet.training.progress import Progress

if TYPE_CHECKING:
    from xpnet.model import Model

__all__ = ["Run"]


class Run:
    """One fit.

    Attributes
    ----------
    begin : int
        Epochs of the model's life that were done when the fit began.
    batch : int
        Batches of the present epoch that are done.
    rate : float
        The learning rate with which the present epoch began.
    seconds : float
        Time spent on the present epoch before `batch`, in a run that was interrupted.
    history : History
    stopping : bool
        Whether a callback asked for its end.
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
        self.begin, self._epochs = trainer.epoch, epochs
        self.batch, self.rate, self.seconds = 0, 0.0, 0.0
        self.history, self.stopping = History(), False
        self._clock, self._interrupts, self._ended = perf_counter(), Interrupts(), False

    @cached_property
    def fit(self) -> dict[str, Any]:
        """What must be the same in a fit that goes on from this one."""
        return describe(self)

    @property
    def end(self) -> int:
        """The epoch after which it is done, counted over the model's life."""
        return self.begin + self._epochs

    def run(self, snapshot: Snapshot | None = None) -> History:
        """Train until the end, perhaps from a snapshot; return what happened in each epoch."""
        if snapshot is not None:
            check(self, snapshot)
        self.callbacks.run_begin(self, snapshot)
        if self.trainer.finite():  # on a GPU, steps made by hand are not checked
            self.trainer.keep("the start of the training")
        try:
            self.callbacks.fit_begin(self.model)
            if snapshot is not None:
                put_back(self, snapshot)
            self._progress.begin(self.end - self.trainer.epoch, self.epoch.data.rows)
            with self._interrupts:
                while self.trainer.epoch < self.end and not self.over:
                    self._one_epoch()
                if self.over and not self._ended:
                    self._safe_point()  # the signal came behind the last one
        finally:
            self._progress.close()
            self.callbacks.fit_end(self.model)
        self.history.interrupted = self._interrupts.received
        return self.history

    @property
    def over(self) -> bool:
        """Whether it is to end now: a callback, or a signal, asked for it."""
        return self.stopping or self._interrupts.received is not None

    @property
    def last(self) -> bool:
        """Whether nothing comes after this safe point."""
        return self.over or (self.batch == 0 and self.trainer.epoch >= self.end)

    def spent(self) -> float:
        """Seconds spent on the present epoch so far."""
        return perf_counter() - self._clock if self.batch else 0.0

    def _one_epoch(self) -> None:
        trainer = self.trainer
        self._progress.epoch()
        if self.batch == 0:
            self.callbacks.epoch_begin(self.model, trainer.epoch + 1)
        self._clock, rate = perf_counter() - self.seconds, trainer.rate()
        if self.batch == 0:
            self.rate = rate
        with trainer.network.backend.quiet():
            found = self.epoch.run(self, rate)
        if not found:
            return
        seconds = self.spent()
        row: dict[str, float] = {"epoch": trainer.epoch + 1, **found}
        if self._validation is not None:
            found = measure(trainer.network, self._validation, self.model.chunk)
            row.update({f"val_{name}": value for name, value in found.items()})
        trainer.epoch, self.batch, self.seconds = trainer.epoch + 1, 0, 0.0
        row.update({"learning_rate": self.rate, "seconds": seconds})
        self.history.append(row)
        self._progress.report(row)
        self.stopping = self.callbacks.epoch_end(self.model, trainer.epoch, row)
        self._safe_point()

    def stepped(self, samples: int, steps: int = 1) -> None:
        """Note that a step was made, or several of so many samples, and tell the callbacks."""
        self.batch += steps
        self._progress.step(samples)
        for call in self.callbacks.step_end:
            call(self.model, self.trainer.step)
        self._safe_point()

    def _safe_point(self) -> None:
        """Let checkpoints be written."""
        self._ended = self.last
        for call in self.callbacks.safe_point:
            call(self.model, self)
