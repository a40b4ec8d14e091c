"""The training loop: epochs of shuffled batches."""

from collections.abc import Callable
from math import isfinite
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet import random
from xpnet.backends import PlannedBackend
from xpnet.errors import ArgumentError, DivergedError
from xpnet.train.callbacks import Callbacks
from xpnet.train.computation import PENALTY, WEIGHT, Computation
from xpnet.train.door import Data
from xpnet.train.history import History
from xpnet.train.network import Network
from xpnet.train.programs import Program
from xpnet.train.progress import Progress
from xpnet.train.trainer import Trainer

if TYPE_CHECKING:
    from xpnet.train.model import Model

__all__ = ["Epoch", "columns", "combine", "measure", "measure_programs", "run_epochs"]

_SHUFFLE = 2  # the stream of random numbers that orders the samples


def _batches(rows: int, batch_size: int) -> list[slice]:
    return [slice(i, min(i + batch_size, rows)) for i in range(0, rows, batch_size)]


def combine(
    network: Network, computation: Computation, log: Any, sizes: list[int]
) -> dict[str, float]:
    """Loss and metrics of all batches, from each one's results and its samples or their weight.

    Given with the digits that the model's type has: 0.975, not 0.9750000238418579.
    """
    layout, kind = computation.layout, np.dtype(network.dtype).type
    weights = log[:, layout[WEIGHT]][:, 0] if WEIGHT in layout else sizes
    shares = np.asarray(weights, dtype="float64")
    found = {n: m.combine(log[:, layout[n]], shares) for n, m in network.measures.items()}
    if PENALTY in layout:  # once, also where the loss is a sum over the batches
        penalties = log[:, layout[PENALTY]][:, 0]
        found["loss"] += float((penalties * shares).sum() / shares.sum())
    return {name: float(str(kind(value))) for name, value in found.items()}


def columns(network: Network, validated: bool) -> tuple[str, ...]:
    """Names of what is recorded of each epoch, but for the learning rate."""
    measured = list(network.measures)
    validation = [f"val_{name}" for name in measured] if validated else []
    return ("epoch", *measured, *validation, "seconds")


def measure_programs(network: Network, data: Data, batch_size: int) -> list[Program]:
    """The program for each batch of `measure`, compiled."""
    parts = _batches(data.rows, batch_size)
    return [network.program(data.spec("evaluate", p.stop - p.start)) for p in parts]


def measure(network: Network, data: Data, batch_size: int) -> dict[str, float]:
    """Loss and metrics of these data, with the parameters as they are."""
    parts, rows = _batches(data.rows, batch_size), []
    programs = measure_programs(network, data, batch_size)
    for part, program in zip(parts, programs, strict=True):
        program.load(data.arrays, part)
        with network.backend.quiet():
            program.run()
        rows.append(network.backend.copy(program.results))
    results = network.backend.to_numpy(network.backend.xp.stack(rows)).astype("float64")
    sizes = [part.stop - part.start for part in parts]
    return combine(network, programs[0].computation, results, sizes)


class Epoch:
    """One pass over the data, compiled before the first."""

    def __init__(
        self,
        network: Network,
        data: Data,
        batch_size: int,
        shuffle: bool | Callable[[int], Any],
    ) -> None:
        self._network, self.data, self._shuffle = network, data, shuffle
        self._parts = _batches(data.rows, batch_size)
        self._sizes = [part.stop - part.start for part in self._parts]
        self._programs = {
            size: network.program(data.spec("train", size))
            for size in sorted(set(self._sizes), reverse=True)
        }
        self._computation = self._programs[self._sizes[0]].computation
        shape = len(self._parts), self._computation.size
        self._log = network.backend.zeros(shape, network.dtype)

    def run(
        self,
        model: "Model",
        trainer: Trainer,
        rate: float,
        callbacks: Callbacks,
        progress: Progress,
    ) -> dict[str, float]:
        """Train on every batch once; return the mean loss and metrics."""
        order, backend = self._order(trainer), self._network.backend
        planned = backend if isinstance(backend, PlannedBackend) else None
        kept: list[Any] = []
        listening = bool(callbacks.step_end or callbacks.gradient)
        schedule, varies = trainer.optimizer.learning_rate, trainer.optimizer.varies
        for i, (part, size) in enumerate(zip(self._parts, self._sizes, strict=True)):
            program = self._programs[size]
            program.load(self.data.arrays, part if order is None else order[part])
            trainer.run(program)
            if i == 0 or backend.synchronous:
                self._check(trainer, i, float(program.results[0]))
            if i == 0:
                trainer.keep(f"the start of epoch {trainer.epoch + 1}")
            if planned is not None:
                planned.write(self._log[i], program.results)
            else:
                kept.append(program.results)
            for call in callbacks.gradient:
                call(model, trainer.step + 1)
            if listening and trainer.optimizer.learning_rate is not schedule:
                schedule, varies = trainer.optimizer.learning_rate, trainer.optimizer.varies
                rate = trainer.rate()
            if varies and i:
                rate = trainer.rate(i / len(self._parts))
            trainer.apply(program, rate)
            progress.step(size)
            for call in callbacks.step_end:
                call(model, trainer.step)
        log = backend.to_numpy(backend.xp.stack(kept) if kept else self._log).astype("float64")
        for i, loss in enumerate(log[:, 0].tolist()):
            self._check(trainer, i, loss)
        self._check_parameters(trainer)
        return combine(self._network, self._computation, log, self._sizes)

    def _order(self, trainer: Trainer) -> Any:
        """The order of the samples in this epoch, on the backend; None for as they come."""
        if not self._shuffle:
            return None
        backend = self._network.backend
        if callable(self._shuffle):
            return backend.asarray(self._given(self._shuffle(self.data.rows)))
        key = random.Key(trainer.seed, _SHUFFLE, trainer.epoch)
        if self._network.arena is not None:
            return random.permutation(backend.xp, key, self.data.rows)
        return backend.asarray(random.permutation(np, key, self.data.rows))

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
            self._stop(trainer, len(self._parts) - 1, "the update made parameters NaN or infinite")

    def _stop(self, trainer: Trainer, i: int, what: str) -> None:
        """Stop the training, with the last good parameters put back."""
        epoch, kept = trainer.epoch + 1, trainer.restore()
        raise DivergedError(
            f"{what} in epoch {epoch}, step {i + 1} of {len(self._parts)}. The model was put back "
            f"to its parameters of {kept}, and its optimizer was reset. "
            f"{self._network.loss.advice}.",
            epoch,
            i + 1,
        )


def run_epochs(
    model: "Model",
    trainer: Trainer,
    epoch: Epoch,
    epochs: int,
    validation: Data | None,
    callbacks: Callbacks,
    progress: Progress,
) -> History:
    """Train for some epochs; return what happened in each."""
    history = History()
    if trainer.finite():  # on a GPU, steps made by hand are not checked
        trainer.keep("the start of the training")
    progress.begin(epochs, epoch.data.rows)
    try:
        callbacks.fit_begin(model)
        for _ in range(epochs):
            progress.epoch()
            callbacks.epoch_begin(model, trainer.epoch + 1)
            row: dict[str, float] = {"epoch": trainer.epoch + 1}
            start, rate = perf_counter(), trainer.rate()
            with trainer.network.backend.quiet():
                row.update(epoch.run(model, trainer, rate, callbacks, progress))
            seconds = perf_counter() - start
            if validation is not None:
                found = measure(trainer.network, validation, model.chunk)
                row.update({f"val_{name}": value for name, value in found.items()})
            trainer.epoch += 1
            row.update({"learning_rate": rate, "seconds": seconds})
            history.append(row)
            progress.report(row)
            if callbacks.epoch_end(model, trainer.epoch, row):
                break
    finally:
        progress.close()
        callbacks.fit_end(model)
    return history
