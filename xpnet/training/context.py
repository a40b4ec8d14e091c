"""A fit in progress, as callbacks see it."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any, Protocol, TypeAlias

from xpnet.engine.engine import Engine
from xpnet.engine.state import TrainState
from xpnet.parallel.agreement import REASONS
from xpnet.parallel.member import Member
from xpnet.training.history import History
from xpnet.training.interrupts import Interrupts
from xpnet.typing import Array

__all__ = ["Clock", "FitContext", "FittedModel", "Recording"]

FittedModel: TypeAlias = Any
"""An `xpnet.Model`. Models import callbacks, so callbacks cannot import models.

A protocol in its place would forbid your own callback to say ``model: xpnet.Model``.
"""


class Clock:
    """The time spent on the current epoch, which a checkpoint stores.

    Attributes
    ----------
    before : float
        Seconds that were spent on the epoch before this fit resumed it.
    """

    def __init__(self) -> None:
        self.before, self._started = 0.0, perf_counter()

    def start(self) -> None:
        """Begin or resume an epoch."""
        self._started = perf_counter() - self.before
        self.before = 0.0

    @property
    def seconds(self) -> float:
        """Seconds spent on the current epoch so far."""
        return perf_counter() - self._started


class Recording(Protocol):
    """What a checkpoint needs from the strategy that makes the steps.

    Attributes
    ----------
    threads : int
        Threads that share a step.
    """

    @property
    def threads(self) -> int: ...

    def recorded(self, count: int) -> Array:
        """The results of the first batches of this epoch, on the host."""

    def restore(self, rows: Array) -> None:
        """Set the results of this epoch's first batches."""

    def description(self) -> dict[str, Any]:
        """What must be the same in a fit that resumes this one."""


class Listeners(Protocol):
    """What a checkpoint needs from the callbacks of a fit."""

    def states(self) -> Sequence[tuple[object, dict[str, Any]]]:
        """The callbacks that have a state, each with its state."""

    def put_back(self, model: FittedModel, states: list[dict[str, Any]]) -> None:
        """Restore the state of each callback that has one."""


class FitContext:
    """A fit between two of its steps, as `Callback.on_safe_point` receives it.

    A callback may read everything here and may set `stopping`; only the fit changes the rest.

    Attributes
    ----------
    model : Model
        The model in training.
    history : History
        One row for each finished epoch of this fit.
    epochs : range
        The epochs of this fit, counted from 0 over the model's life: ``range(10, 15)`` for five
        epochs of a model that was trained for ten before.
    batch : int
        Number of finished batches of the current epoch; 0 after the end of an epoch.
    learning_rate : float
        The learning rate at the start of the current epoch.
    stopping : bool
        Whether a callback has asked to stop. A callback that sets it to True at a safe point ends
        the fit there.
    clock : Clock
        ``clock.seconds`` is the time spent on the current epoch.
    interrupts : Interrupts
        ``interrupts.received`` names the signal that ends the fit, such as ``"SIGINT"``, or is
        None.
    steps : Recording
        The strategy that makes the steps, from which a checkpoint reads the epoch's results.
    callbacks : Callbacks
        All callbacks of the fit.

    See Also
    --------
    Callback.on_safe_point : Receives it after each step and each epoch.
    """

    def __init__(
        self,
        model: FittedModel,
        steps: Recording,
        callbacks: Listeners,
        epochs: range,
        member: Member | None = None,
    ) -> None:
        self.model, self.steps, self.callbacks, self.epochs = model, steps, callbacks, epochs
        self.history, self.batch, self.learning_rate = History(), 0, 0.0
        self.clock, self.stopping = Clock(), False
        self.interrupts = Interrupts(None if member is None else member.agreement)
        if member is not None:
            member.agreement.requests = self._requests

    @property
    def engine(self) -> Engine:
        """The model's network on its device: its `backend`, `network`, `finite`, ..."""
        engine: Engine = self.model.engine
        return engine

    @property
    def state(self) -> TrainState:
        """Everything that training changes: parameters, optimizer vectors, `epoch`, `step`."""
        return self.engine.state

    @property
    def over(self) -> bool:
        """Whether the fit ends now, because a callback or a signal asked for it."""
        if self.interrupts.agreement is not None:
            return self.interrupts.agreement.over
        return self.stopping or self.interrupts.received is not None

    @property
    def leads(self) -> bool:
        """Whether this process writes files: it is alone, or the first of a distributed fit."""
        return self.interrupts.agreement is None or self.interrupts.agreement.leads

    def end(self) -> None:
        """End the fit here; all processes of a distributed fit call this."""
        self.stopping = True
        if self.interrupts.agreement is not None:
            self.interrupts.agreement.over = True

    def _requests(self) -> list[float]:
        """Why this process asks to stop; see `Agreement`."""
        _, *signals = REASONS
        received = self.interrupts.received
        return [float(self.stopping), *(float(received == name) for name in signals)]

    @property
    def last(self) -> bool:
        """Whether nothing comes after this safe point."""
        return self.over or (self.batch == 0 and self.state.epoch >= self.epochs.stop)
