"""Steps made one by one, each checked."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from math import isfinite
from typing import Any

from xpnet.data.arrays import Data
from xpnet.engine.accumulation import Accumulation
from xpnet.engine.batch_sizes import counted
from xpnet.engine.batches import Batches
from xpnet.engine.engine import Engine
from xpnet.engine.programs import PlannedProgram, Program
from xpnet.engine.sparse_program import settle
from xpnet.graph import in_words
from xpnet.lowering import steady_threads
from xpnet.training.callbacks.callback import Callbacks
from xpnet.training.context import FitContext
from xpnet.training.epoch_record import EpochRecord
from xpnet.training.loop import FitLoop
from xpnet.training.order import SampleOrder
from xpnet.typing import Array

__all__ = ["AccumulatedSteps", "EagerSteps"]


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
    held : Data, optional
        Validation data, which a fit that resumes this one must share.

    Attributes
    ----------
    record : EpochRecord
    needs_python : str or None
        Why each step needs Python, besides what callbacks and schedules need.
    """

    columns: tuple[str, ...] = ("learning_rate",)
    needs_python: str | None = None

    def __init__(
        self,
        engine: Engine,
        batches: Batches,
        order: SampleOrder,
        callbacks: Callbacks,
        together: int = 1,
        held: Data | None = None,
    ) -> None:
        self.engine, self.batches, self.order, self._held = engine, batches, order, held
        self.record, self._callbacks = EpochRecord(engine, batches, together), callbacks
        self._model: Any = None

    @property
    def together(self) -> int:
        """Batches of a step."""
        return self.record.together

    @property
    def threads(self) -> int:
        """Threads that share a step."""
        return self.batches.programs[0].threads

    @property
    def rows(self) -> int:
        """Samples of an epoch."""
        return self.batches.data.rows

    @property
    def count(self) -> int:
        """Batches of an epoch."""
        return len(self.batches)

    def begin(self, context: FitContext) -> None:
        """Count the sizes of the batches; a step can always be tried."""
        self._model, state = context.model, self.engine.state
        state.sizes = counted(state.sizes, self.batches.sizes, len(context.epochs))

    def epoch(self, loop: FitLoop, learning_rate: float) -> dict[str, float]:
        """Make the remaining steps of the epoch."""
        batches, step, count = self.batches, self.engine.step, self.count
        with self.begun(loop, learning_rate) as left:
            for i in left:
                step(batches, i, self.at_cut, i / count)  # self.share(i), without its calls
                if loop.stepped(batches.sizes[i]):
                    return {}
        return self.record.finish()

    @contextmanager
    def begun(self, loop: FitLoop, learning_rate: float) -> Iterator[range]:
        """Begin or resume an epoch; the number of the first batch of each remaining step."""
        batches, engine, optimizer = self.batches, self.engine, self.engine.optimizer
        self._learning_rate, self._schedule = learning_rate, optimizer.learning_rate
        self._varies, first = optimizer.varies, loop.context.batch
        batches.begin(self.order.of(engine.state.epoch), first)
        try:
            with engine.backend.quiet(), steady_threads(engine.backend, batches.flops):
                yield range(first, len(batches), self.together)
        finally:
            batches.end()

    def at_cut(self, i: int, program: Program) -> float:
        """Check the loss and record the results; return the learning rate of the update."""
        results = program.results
        if i == 0 or self.engine.backend.synchronous:
            loss = float(results[0])
            if i == 0 or not isfinite(loss):
                self.record.look(i, loss)
        self.record.put(i, results)
        if self._callbacks.gradient:
            settle(program)
        intervened = self._callbacks.may_intervene or self._varies
        return self._decide(i) if intervened else self._learning_rate

    def _decide(self, i: int) -> float:
        """Show callbacks the gradient; return the learning rate of the update."""
        for call in self._callbacks.gradient:
            call(self._model, self.engine.state.step + 1)
        if self._callbacks.may_intervene:
            self.follow()
        self._learning_rate = self.rate(i)
        return self._learning_rate

    def rate(self, i: int) -> float:
        """The learning rate of the step that takes batch `i`."""
        if not (i and self._varies):
            return self._learning_rate
        return self.engine.learning_rate(self.share(i))

    def share(self, i: int) -> float:
        """The share of the epoch that is finished before batch `i`."""
        return self.record.step(i) / self.record.steps

    def follow(self) -> None:
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
            "checksums": data.checksums,
            "rare": self._interpreted(),
            "operations": in_words(self.batches.programs[0].batch_graph.graph),
            "validation": None if self._held is None else self._held.checksums,
        }
        return found if self.together == 1 else {**found, "batches of a step": self.together}

    def _interpreted(self) -> list[int]:
        """The sizes of batches that are interpreted though the backend has plans."""
        if not self.engine.backend.planned or self.batches.data.sparse:
            return []
        pairs = zip(self.batches.sizes, self.batches.programs, strict=True)
        return sorted({size for size, p in pairs if not isinstance(p, PlannedProgram)})


class AccumulatedSteps(EagerSteps):
    """Steps that accumulate the gradients of several batches, as if they were one batch."""

    @cached_property
    def _accumulation(self) -> Accumulation:
        return Accumulation(self.engine)

    def epoch(self, loop: FitLoop, learning_rate: float) -> dict[str, float]:
        """Make the remaining steps of the epoch."""
        batches = self.batches
        with self.begun(loop, learning_rate) as left:
            for first in left:
                chosen = range(first, min(first + self.together, len(batches)))
                share = self.share(first)
                self._accumulation.step(batches, chosen, self._look, self._decide, share)
                if loop.stepped(sum(batches.sizes[i] for i in chosen), len(chosen)):
                    return {}
        return self.record.finish()

    def _look(self, i: int, program: Program) -> None:
        """Check and record the results of one batch of a step."""
        if i == 0 or self.engine.backend.synchronous:
            self.record.look(i, float(program.results[0]))
        self.record.put(i, program.results)
