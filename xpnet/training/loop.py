"""The loop of a fit: epochs, and the work between them."""

from collections.abc import Callable
from os import getpid
from threading import get_ident
from time import perf_counter
from typing import Protocol

from xpnet.engine.engine import Engine
from xpnet.parallel.agreement import Agreement
from xpnet.parallel.member import Member
from xpnet.training.callbacks.callback import Callbacks
from xpnet.training.context import FitContext, FittedModel, Recording
from xpnet.training.fast_hint import hint
from xpnet.training.history import History
from xpnet.training.progress import Progress
from xpnet.training.snapshot import Snapshot

__all__ = ["FitLoop", "Resume", "Steps"]

Resume = Callable[[FitContext], None]
"""Restores the point at which another fit was interrupted."""


class Steps(Recording, Protocol):
    """A strategy for making the steps of an epoch.

    Attributes
    ----------
    rows, count : int
        Samples and batches of an epoch.
    columns : tuple of str
        Columns that it adds to the history besides loss, metrics and seconds.
    """

    @property
    def rows(self) -> int: ...

    @property
    def count(self) -> int: ...

    @property
    def columns(self) -> tuple[str, ...]: ...

    def begin(self, context: FitContext) -> None:
        """Raise if training cannot start from the current parameters."""

    def epoch(self, loop: "FitLoop", learning_rate: float) -> dict[str, float]:
        """Make the remaining steps; return the epoch's loss and metrics, {} if it ends early.

        L-BFGS makes all epochs at once, and calls the loop's `end_epoch` and `begin_epoch`.
        """


class FitLoop:
    """One fit.

    Parameters
    ----------
    model : Model
    engine : Engine
        The model's engine.
    steps : Steps
    epochs : int
    validation : callable, optional
        Returns the loss and the metrics of the validation data.
    callbacks : Callbacks
    progress : Progress
    member : Member, optional
        This process among several.

    Attributes
    ----------
    context : FitContext
    """

    def __init__(
        self,
        model: FittedModel,
        engine: Engine,
        steps: Steps,
        epochs: int,
        validation: Callable[[], dict[str, float]] | None,
        callbacks: Callbacks,
        progress: Progress,
        member: Member | None = None,
    ) -> None:
        first = engine.state.epoch
        self.context = FitContext(model, steps, callbacks, range(first, first + epochs), member)
        self._where = getpid(), get_ident()
        self.engine, self._steps, self._validation = engine, steps, validation
        self._callbacks, self._progress, self._shown = callbacks, progress, progress.shown
        self._told_last, self._count = False, steps.count

    def run(self, snapshot: Snapshot | None = None, resume: Resume | None = None) -> History:
        """Train until the end, starting from a snapshot if given; return the history."""
        context, engine, steps, start = self.context, self.engine, self._steps, perf_counter()
        interrupts = context.interrupts
        steps.begin(context)
        self._callbacks.run_begin(context, snapshot)
        if engine.finite():  # manual steps on a GPU are not checked
            engine.keep("the start of the training")
        try:
            self._callbacks.fit_begin(context.model)
            if resume is not None:
                resume(context)
                if context.stopping:
                    context.end()
            self._progress.begin(context.epochs.stop - engine.state.epoch, steps.rows)
            try:
                interrupts.begin()
                while not self.done:
                    found = steps.epoch(self, self.begin_epoch())
                    if found:
                        self.end_epoch(found)
                if context.over and not self._told_last:
                    self._safe_point()  # the signal came after the last one
            finally:
                interrupts.ending = True  # no function is called, so no signal comes before it
                try:
                    interrupts.end()
                finally:
                    interrupts.end()  # in case an exception of a signal's handler cut it short
        finally:
            self._progress.close()
            self._callbacks.fit_end(context.model)
        if context.leads:
            hint(engine, steps.rows // steps.count, perf_counter() - start)
        agreed = interrupts.agreement
        context.history.interrupted = interrupts.received if agreed is None else agreed.signal
        return context.history

    @property
    def alive(self) -> bool:
        """Whether the fit can go on: not in a process forked by another thread than the fit's."""
        return getpid() == self._where[0] or get_ident() == self._where[1]

    @property
    def done(self) -> bool:
        """Whether no epoch remains."""
        return self.engine.state.epoch >= self.context.epochs.stop or self.context.over

    def begin_epoch(self) -> float:
        """Announce that an epoch begins or resumes; return its learning rate."""
        context = self.context
        self._progress.epoch()
        if context.batch == 0:
            self._callbacks.epoch_begin(context.model, self.engine.state.epoch + 1)
        context.clock.start()
        learning_rate = self.engine.learning_rate()
        if context.batch == 0:
            context.learning_rate = learning_rate
        return learning_rate

    def end_epoch(self, found: dict[str, float]) -> None:
        """Record the loss and metrics of an epoch, validate, and call the callbacks."""
        context, state, agreement = self.context, self.engine.state, self._agreement
        seconds = context.clock.seconds
        if agreement is not None:
            seconds = agreement.check(seconds, state.params)
        row: dict[str, float] = {"epoch": state.epoch + 1, **found}
        if self._validation is not None:
            row.update({f"val_{name}": value for name, value in self._validation().items()})
        state.epoch, context.batch = state.epoch + 1, 0
        if "learning_rate" in self._steps.columns:
            row["learning_rate"] = context.learning_rate
        row["seconds"] = seconds
        context.history.append(row)
        self._progress.report(row)
        context.stopping |= self._callbacks.epoch_end(context.model, state.epoch, row)
        self._settle()
        self._safe_point()
        self._settle()  # a callback may have asked to stop at the safe point

    def _settle(self) -> None:
        """Learn whether another process of the fit asks to stop."""
        if self._agreement is not None:
            self._agreement.settle()

    @property
    def _agreement(self) -> Agreement | None:
        """What the processes of the fit decide together."""
        return self.context.interrupts.agreement

    def until_safe_point(self) -> int:
        """How many steps may follow before a callback needs a safe point."""
        return self._callbacks.until_safe_point(self.engine.state.step)

    def progressed(self, samples: int) -> None:
        """Advance the progress bar by this many samples."""
        self._progress.step(samples)

    def stepped(self, samples: int, batches: int = 1) -> bool:
        """Note one or more finished steps and call the callbacks; return whether to stop."""
        context, callbacks = self.context, self._callbacks
        context.batch += batches
        if self._shown:
            self._progress.step(samples)
        for call in callbacks.step_end:
            call(context.model, self.engine.state.step)
        if callbacks.safe_point:
            self._safe_point()
        interrupts = context.interrupts
        if interrupts.agreement is None and not context.stopping:  # `over`, without a call
            return interrupts.received is not None and context.batch < self._count
        return context.over and context.batch < self._count

    def _safe_point(self) -> None:
        """Let checkpoints be written."""
        self._told_last = self.context.last
        for call in self._callbacks.safe_point:
            call(self.context.model, self.context)
