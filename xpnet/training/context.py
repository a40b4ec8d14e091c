"""A fit as callbacks see it."""

from time import perf_counter
from typing import Any, Protocol, TypeAlias

from xpnet.engine.engine import Engine
from xpnet.engine.state import TrainState
from xpnet.training.history import History
from xpnet.training.interrupts import Interrupts
from xpnet.typing import Array

__all__ = ["Clock", "FitContext", "FittedModel", "Recording"]

FittedModel: TypeAlias = Any
"""An `xpnet.Model`. Models import callbacks, so that callbacks cannot import models."""


class Clock:
    """The time spent on the present epoch, which an interrupted fit hands on.

    Attributes
    ----------
    before : float
        Seconds that were spent before this fit went on with the epoch.
    """

    def __init__(self) -> None:
        self.before, self._started = 0.0, perf_counter()

    def start(self) -> None:
        """Begin an epoch, or go on with one."""
        self._started = perf_counter() - self.before
        self.before = 0.0

    @property
    def seconds(self) -> float:
        """Seconds spent on the present epoch so far."""
        return perf_counter() - self._started


class Recording(Protocol):
    """What a checkpoint asks of the strategy that makes the steps."""

    def recorded(self, count: int) -> Array:
        """The results of the first batches of this epoch, on the host."""

    def restore(self, rows: Array) -> None:
        """Let the results of this epoch's first batches be these."""

    def description(self) -> dict[str, Any]:
        """What must be the same in a fit that goes on from this one."""


class FitContext:
    """One fit, between two of its steps: what `Callback.on_safe_point` is given.

    Attributes
    ----------
    model : Model
    steps : Recording
        What makes the steps.
    callbacks : Callbacks
    history : History
    epochs : range
        The epochs of this fit, counted from 0 over the model's life.
    batch : int
        Batches of the present epoch that are done.
    learning_rate : float
        The one with which the present epoch began.
    clock : Clock
    stopping : bool
        Whether a callback asked for the end.
    interrupts : Interrupts
    """

    def __init__(self, model: FittedModel, steps: Recording, callbacks: Any, epochs: range) -> None:
        self.model, self.steps, self.callbacks, self.epochs = model, steps, callbacks, epochs
        self.history, self.batch, self.learning_rate = History(), 0, 0.0
        self.clock, self.interrupts, self.stopping = Clock(), Interrupts(), False

    @property
    def engine(self) -> Engine:
        """The model's network on its device."""
        engine: Engine = self.model.engine
        return engine

    @property
    def state(self) -> TrainState:
        """All that training changes."""
        return self.engine.state

    @property
    def over(self) -> bool:
        """Whether the fit ends now: a callback, or a signal, asked for it."""
        return self.stopping or self.interrupts.received is not None

    @property
    def last(self) -> bool:
        """Whether nothing comes after this safe point."""
        return self.over or (self.batch == 0 and self.state.epoch >= self.epochs.stop)
