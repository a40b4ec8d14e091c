"""Steps made one by one, each checked."""

from math import isfinite
from typing import Any

from xpnet.data.arrays import Data
from xpnet.engine.accumulation import Accumulation
from xpnet.engine.batch_graph import BatchSpec
from xpnet.engine.batches import Batches
from xpnet.engine.engine import Engine
from xpnet.engine.programs import Program
from xpnet.errors import DivergedError
from xpnet.lowering import steady_threads, turn
from xpnet.training.callbacks.callback import Callbacks
from xpnet.training.context import FitContext
from xpnet.training.epoch_record import EpochRecord
from xpnet.training.loop import FitLoop
from xpnet.training.order import SampleOrder
from xpnet.typing import Array

__all__ = ["AccumulatedSteps", "EagerSteps", "single_step"]


class EagerSteps:
    """The steps of an epoch, one after the other.

    Parameters
    ----------
    engine : Engine
    batches : Batches
    order : SampleOrder
    callbacks : Callbacks
    together : int
        Batches per step.

    Attributes
    ----------
    record : EpochRecord
    """

    columns: tuple[str, ...] = ("learning_rate",)

    def __init__(
        self,
        engine: Engine,
        batches: Batches,
        order: SampleOrder,
        callbacks: Callbacks,
        together: int = 1,
    ) -> None:
        self.engine, self.batches, self.order, self.together = engine, batches, order, together
        self.record, self._callbacks = EpochRecord(engine, batches, together), callbacks
        self._model: Any = None

    @property
    def rows(self) -> int:
        """Samples of an epoch."""
        return self.batches.data.rows

    @property
    def count(self) -> int:
        """Batches of an epoch."""
        return len(self.batches)

    def begin(self, context: FitContext) -> None:
        """Do nothing: a step can always be tried."""
        self._model = context.model

    def epoch(self, loop: FitLoop, learning_rate: float) -> dict[str, float]:
        """Make the remaining steps of the epoch."""
        batches, engine, optimizer = self.batches, self.engine, self.engine.optimizer
        self._learning_rate, self._schedule = learning_rate, optimizer.learning_rate
        self._varies = optimizer.varies
        batches.begin(self.order.of(engine.state.epoch), loop.context.batch)
        try:
            with engine.backend.quiet(), steady_threads(engine.backend, batches.flops):
                broken_off = self._steps(loop)
        finally:
            batches.end()
        return {} if broken_off else self.record.finish()

    def _steps(self, loop: FitLoop) -> bool:
        """Make the steps; return whether the loop stopped them early."""
        batches, step, stepped = self.batches, self.engine.step, loop.stepped
        for i in range(loop.context.batch, len(batches)):
            step(batches, i, self._at_cut)
            if stepped(batches.sizes[i]):
                return True
        return False

    def _at_cut(self, i: int, program: Program) -> float:
        """Check the loss and record the results; return the learning rate of the update."""
        results = program.results
        if i == 0 or self.engine.backend.synchronous:
            loss = float(results[0])
            if i == 0 or not isfinite(loss):
                self.record.look(i, loss)
        self.record.put(i, results)
        return self._decide(i) if self._callbacks.watched or self._varies else self._learning_rate

    def _decide(self, i: int) -> float:
        """Show callbacks the gradient; return the learning rate of the update."""
        for call in self._callbacks.gradient:
            call(self._model, self.engine.state.step + 1)
        if self._callbacks.watched:
            self._follow()
        if i and self._varies:
            steps = -(-len(self.batches) // self.together)
            self._learning_rate = self.engine.learning_rate(i // self.together / steps)
        return self._learning_rate

    def _follow(self) -> None:
        """Switch to a schedule that a callback has set."""
        optimizer = self.engine.optimizer
        if optimizer.learning_rate is not self._schedule:
            self._schedule, self._varies = optimizer.learning_rate, optimizer.varies
            self._learning_rate = self.engine.learning_rate()

    def recorded(self, count: int) -> Array:
        """The results of the first batches of this epoch, on the host."""
        return self.record.rows(count)

    def restore(self, rows: Array) -> None:
        """Set the results of this epoch's first batches."""
        self.record.restore(rows)

    def description(self) -> dict[str, Any]:
        """What must be the same in a fit that resumes this one."""
        data: Data = self.batches.data
        found = {
            "rows": data.rows,
            "batches": [len(self.batches), self.batches.sizes[0]],
            "shuffle": self.order.kind,
            "means of the data": data.means,
        }
        return found if self.together == 1 else {**found, "batches of a step": self.together}


class AccumulatedSteps(EagerSteps):
    """Steps that accumulate the gradients of several batches, as if they were one batch."""

    def __init__(
        self,
        engine: Engine,
        batches: Batches,
        order: SampleOrder,
        callbacks: Callbacks,
        together: int,
    ) -> None:
        super().__init__(engine, batches, order, callbacks, together)
        self._accumulation = Accumulation(engine)

    def _steps(self, loop: FitLoop) -> bool:
        batches, count = self.batches, len(self.batches)
        for first in range(loop.context.batch, count, self.together):
            chosen = range(first, min(first + self.together, count))
            self._accumulation.step(batches, chosen, self._look, self._decide)
            if loop.stepped(sum(batches.sizes[i] for i in chosen), len(chosen)):
                return True
        return False

    def _look(self, i: int, program: Program) -> None:
        """Check and record the results of one batch of a step."""
        if i == 0 or self.engine.backend.synchronous:
            self.record.look(i, float(program.results[0]))
        self.record.put(i, program.results)


class _Single:
    """One batch, as a step needs it; a manual step does not pay for `Batches`."""

    def __init__(self, engine: Engine, data: Data) -> None:
        self.program = engine.programs.get(BatchSpec.of("train", data.rows, data))
        self.threads = turn(engine.backend, self.program.flops) or engine.programs.lock
        self._arrays = data.arrays

    def load(self, i: int) -> Program:
        """The program, loaded with all rows."""
        self.program.load(self._arrays, slice(None))
        return self.program


def single_step(engine: Engine, data: Data) -> Array:
    """Make one step on a batch; return its loss before the step, a 0-d array.

    Raises
    ------
    DivergedError
        If the loss is NaN or infinite; the step is then not made. It is not checked on a GPU.
    """
    backend, state = engine.backend, engine.state
    single = _Single(engine, data)
    learning_rate, losses = engine.learning_rate(), []

    def at_cut(i: int, program: Program) -> float:
        losses.append(backend.copy(program.results[0:1]))
        if backend.synchronous and not isfinite(float(losses[0][0])):
            step = state.step + 1
            raise DivergedError(
                f"the loss became {float(losses[0][0])} in step {step}, counted over the model's "
                f"life. The step was not made. {engine.network.loss.advice}, or go back to an "
                "earlier state_dict().",
                state.epoch + 1,
                step,
            )
        return learning_rate

    with engine.programs.lock, backend.quiet():
        try:
            engine.step(single, 0, at_cut)
        finally:
            if single.program.borrowed:
                single.program.release()
    return backend.xp.reshape(losses[0], ())
