"""The record of an epoch's batches: their results, and whether they are finite."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from xpnet.engine.batches import Batches
from xpnet.engine.engine import Engine
from xpnet.errors import DivergedError
from xpnet.training.evaluation import combine
from xpnet.typing import Array

__all__ = ["EpochRecord"]


class EpochRecord:
    """The results of an epoch's batches, kept on the device until they are needed.

    Parameters
    ----------
    engine : Engine
    batches : Batches
    together : int
        Batches per step; the last step may have fewer.

    Attributes
    ----------
    together : int
    table : array of shape (batches, results)
        Only on a backend with plans.
    """

    def __init__(self, engine: Engine, batches: Batches, together: int = 1) -> None:
        self._engine, self._batches, self.together = engine, batches, together
        shape = len(batches), batches.programs[0].batch_graph.size
        self.table = engine.backend.zeros(shape, engine.network.dtype)
        # An array that cannot be written to is replaced by a list of its rows.
        backend: Any = engine.backend
        self.put = backend.setter(self.table) if backend.planned else self._keep
        self._rows: list[Array] = [None] * len(batches)

    @property
    def layout(self) -> Mapping[str, slice]:
        """Where each result is in a row of `rows`."""
        return self._batches.programs[0].batch_graph.layout

    @property
    def sizes(self) -> Sequence[int]:
        """Samples of each batch."""
        return self._batches.sizes

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-len(self._batches) // self.together)

    def step(self, i: int) -> int:
        """The step, counted from 0, that takes the batch of this number."""
        return i // self.together

    def _keep(self, i: int, results: Array) -> None:
        self._rows[i] = results

    def put_all(self, first: int, rows: Array) -> None:
        """Record the results of several batches, and check their losses."""
        for i, row in enumerate(rows, first):
            self.check(i, float(row[0]))
            self.put(i, row)

    def rows(self, count: int) -> Array:
        """The results of the first batches in double precision; this waits for a GPU."""
        backend = self._engine.backend
        if not count or backend.planned:
            return backend.to_numpy(self.table[:count, ...]).astype("float64")
        if backend.synchronous:
            found = np.stack([backend.to_numpy(row) for row in self._rows[:count]])
        else:  # in one transfer
            found = backend.to_numpy(backend.xp.stack(self._rows[:count]))
        return found.astype("float64")

    def restore(self, rows: Any) -> None:
        """Restore what `rows` returned."""
        dtype = self._engine.network.dtype
        found = self._engine.backend.asarray(rows.astype(dtype), dtype)
        for i in range(rows.shape[0]):
            self.put(i, found[i, ...])

    def finish(self) -> dict[str, float]:
        """The mean loss and metrics of all batches, checked to be finite; this waits for a GPU."""
        batches = self._batches
        log = self.rows(len(batches))
        bad = (~np.isfinite(log[:, 0])).nonzero()[0]
        if len(bad):
            self.check(int(bad[0]), float(log[bad[0], 0]))
        if not self._engine.finite():  # no later loss would show it
            self._stop(len(batches) - 1, "the update made parameters NaN or infinite")
        return combine(self._engine.network, self.layout, log, self.sizes, self.together)

    def look(self, i: int, loss: float) -> None:
        """Check a loss; at an epoch's first batch, remember the parameters."""
        if not isfinite(loss):
            self.check(i, loss)
        if i == 0:
            self._engine.keep(f"the start of epoch {self._engine.state.epoch + 1}")

    def check(self, i: int, loss: float) -> None:
        """Stop the training if a loss is not finite."""
        if not isfinite(loss):
            self._stop(i, f"the loss became {loss}")

    def _stop(self, i: int, what: str) -> None:
        """Restore the last good parameters, and stop the training."""
        epoch, kept = self._engine.state.epoch + 1, self._engine.restore()
        step = self.step(i) + 1
        raise DivergedError(
            f"{what} in epoch {epoch}, step {step} of {self.steps}. The model's parameters from "
            f"{kept} were restored, and its optimizer was reset. "
            f"{self._engine.network.loss.advice}.",
            epoch,
            step,
        )
