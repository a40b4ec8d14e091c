"""One pass over the data in batches."""

from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet import random
from xpnet.backends import PlannedBackend
from xpnet.errors import ArgumentError, DivergedError
from xpnet.lowering import limited, turn
from xpnet.train.callbacks import Callbacks
from xpnet.train.captured import CapturedSteps, captured_steps
from xpnet.train.door import Data
from xpnet.train.feeding import feed
from xpnet.train.measure import batches, combine
from xpnet.train.network import Network
from xpnet.train.trainer import Trainer

if TYPE_CHECKING:
    from xpnet.train.run import Run

__all__ = ["Epoch"]

_SHUFFLE = 2  # the stream of random numbers that orders the samples


class Epoch:
    """One pass over the data, compiled before the first; it can begin in the middle.

    Attributes
    ----------
    data : Data
    steps : int
        Batches of an epoch.
    order : str
        How the samples are ordered: by the seed, by a function, or as they come.
    """

    def __init__(
        self,
        network: Network,
        data: Data,
        batch_size: int,
        shuffle: bool | Callable[[int], Any],
    ) -> None:
        self._network, self.data, self._shuffle = network, data, shuffle
        self.order = "function" if callable(shuffle) else "seed" if shuffle else "as they come"
        self._parts = batches(data.rows, batch_size)
        self.steps, self.sizes = len(self._parts), [p.stop - p.start for p in self._parts]
        self._programs = {
            size: network.program(data.spec("train", size))
            for size in sorted(set(self.sizes), reverse=True)
        }
        self._computation = self._programs[self.sizes[0]].computation
        self._log = _Log(network, self.steps, self._computation.size)
        self._feed = feed(network, data.place, data.arrays, self._parts)
        self._captured: CapturedSteps | None = None

    def capture(self, trainer: Trainer, callbacks: Callbacks, wanted: int | None) -> None:
        """Let a GPU make the steps by graphs where it can, `wanted` steps in each."""
        self._captured = captured_steps(
            trainer, callbacks, self.data, self.sizes, self._programs, self._log.table, wanted
        )

    def run(self, run: "Run", rate: float) -> dict[str, float]:
        """Train on the batches that are left of this epoch; the mean loss and metrics of all."""
        trainer, program = run.trainer, self._programs[self.sizes[0]]
        if self._captured is None:
            try:
                with limited(self._network.backend, program.operations):
                    self._call_by_call(run, rate)
            finally:
                self._feed.end()
        else:
            self._by_graphs(run, rate, self._captured)
        if run.over and run.batch < self.steps:
            return {}
        log = self._log.rows(self.steps)
        for i, loss in enumerate(log[:, 0].tolist()):
            self._check(trainer, i, loss)
        self._check_parameters(trainer)
        return combine(self._network, self._computation, log, self.sizes)

    def _call_by_call(self, run: "Run", rate: float) -> None:
        """Make the steps that are left, until the run is to end."""
        trainer, synchronous = run.trainer, self._network.backend.synchronous
        self._feed.begin(self._order(trainer), run.batch)
        listening = bool(run.callbacks.step_end or run.callbacks.gradient)
        schedule, varies = trainer.optimizer.learning_rate, trainer.optimizer.varies
        threads = turn(self._network.backend, self._programs[self.sizes[0]].operations)
        for i in range(run.batch, self.steps):
            size = self.sizes[i]
            program = self._programs[size]
            with self._network.lock, threads:
                self._feed.load(program, i)
                trainer.run(program)
            if i == 0 or synchronous:
                self._check(trainer, i, float(program.results[0]))
            if i == 0:
                trainer.keep(f"the start of epoch {trainer.epoch + 1}")
            self._log.put(i, program.results)
            for call in run.callbacks.gradient:
                call(run.model, trainer.step + 1)
            if listening and trainer.optimizer.learning_rate is not schedule:
                schedule, varies = trainer.optimizer.learning_rate, trainer.optimizer.varies
                rate = trainer.rate()
            if varies and i:
                rate = trainer.rate(i / self.steps)
            with self._network.lock:
                trainer.apply(program, rate)
            run.stepped(size)
            if run.over:
                return

    def _by_graphs(self, run: "Run", rate: float, captured: CapturedSteps) -> None:
        """The same on a GPU, where everything that differs from step to step is sent ahead."""
        trainer, first = run.trainer, run.batch
        varies = trainer.optimizer.varies
        rates = [
            trainer.rate(i / self.steps) if varies and i else rate for i in range(first, self.steps)
        ]
        captured.begin(trainer, self._order(trainer), rates, first)
        while run.batch < self.steps and not run.over:
            if not captured.several(run, run.batch):
                captured.step(run, run.batch, self._look if run.batch == 0 else None)

    def _look(self, trainer: Trainer, loss: float) -> None:
        """Check an epoch's first loss, and remember the parameters that it was computed with."""
        self._check(trainer, 0, loss)
        trainer.keep(f"the start of epoch {trainer.epoch + 1}")

    def recorded(self, count: int) -> Any:
        """The results of the first batches of this epoch, on the host."""
        return self._log.rows(count)

    def restore(self, rows: Any) -> None:
        """Let the results of this epoch's first batches be these."""
        self._log.restore(rows)

    def _order(self, trainer: Trainer) -> Any:
        """The order of the samples in this epoch, where they are; None for as they come."""
        if not self._shuffle:
            return None
        place = self.data.place
        if callable(self._shuffle):
            return place.asarray(self._given(self._shuffle(self.data.rows)))
        key = random.Key(trainer.seed, _SHUFFLE, trainer.epoch)
        if isinstance(place, PlannedBackend):
            return random.permutation(place.xp, key, self.data.rows)
        return place.asarray(random.permutation(np, key, self.data.rows))

    def _given(self, order: Any) -> Any:
        """The user's order, on the host, where it is known to hold every row once."""
        rows, found = self.data.rows, np.asarray(order)
        if not np.array_equal(np.sort(found, axis=None), np.arange(rows)) or found.ndim != 1:
            raise ArgumentError(
                f"shuffle must return an order of {rows} samples, an array of the numbers 0 to "
                f"{rows - 1}; got {order!r}."
            )
        return found

    def _check(self, trainer: Trainer, i: int, loss: float) -> None:
        if not isfinite(loss):
            self._stop(trainer, i, f"the loss became {loss}")

    def _check_parameters(self, trainer: Trainer) -> None:
        """The last update of an epoch has no loss behind it that would show its harm."""
        if not trainer.finite():
            self._stop(trainer, self.steps - 1, "the update made parameters NaN or infinite")

    def _stop(self, trainer: Trainer, i: int, what: str) -> None:
        """Stop the training, with the last good parameters put back."""
        epoch, kept = trainer.epoch + 1, trainer.restore()
        raise DivergedError(
            f"{what} in epoch {epoch}, step {i + 1} of {self.steps}. The model was put back "
            f"to its parameters of {kept}, and its optimizer was reset. "
            f"{self._network.loss.advice}.",
            epoch,
            i + 1,
        )


class _Log:
    """The results of an epoch's batches, kept on the device until they are asked for."""

    def __init__(self, network: Network, rows: int, columns: int) -> None:
        self._backend, self._dtype = network.backend, network.dtype
        self._planned = isinstance(network.backend, PlannedBackend)
        self.table = network.backend.zeros((rows, columns), network.dtype)
        self._rows: list[Any] = [None] * rows

    def put(self, i: int, results: Any) -> None:
        """Keep the results of a batch."""
        if self._planned:
            self.table[i, ...] = results
        else:
            self._rows[i] = results

    def rows(self, count: int) -> Any:
        """Those of the first batches in double precision; this waits for a GPU."""
        found = self.table[:count, ...]
        if count and not self._planned:
            found = self._backend.xp.stack(self._rows[:count])
        return self._backend.to_numpy(found).astype("float64")

    def restore(self, rows: Any) -> None:
        """Put back what `rows` returned."""
        found = self._backend.asarray(rows.astype(self._dtype), self._dtype)
        for i in range(rows.shape[0]):
            self.put(i, found[i, ...])
