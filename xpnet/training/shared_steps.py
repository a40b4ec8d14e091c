"""Steps that several processes make together."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from xpnet.data.arrays import Data
from xpnet.engine.batch_graph import BatchGraph, BatchSpec
from xpnet.engine.engine import Engine
from xpnet.engine.programs import Program
from xpnet.graph import in_words
from xpnet.parallel.shared_batches import SharedBatches
from xpnet.parallel.shared_gradient import SharedGradient
from xpnet.training.callbacks.callback import Callbacks
from xpnet.training.eager import AccumulatedSteps
from xpnet.training.order import SampleOrder
from xpnet.training.shared_record import SharedRecord

__all__ = ["SharedSteps"]


class SharedSteps(AccumulatedSteps):
    """Steps of which each process computes the gradient of some rows.

    Parameters
    ----------
    engine, order, callbacks, together, held
        As for `EagerSteps`.
    shared : SharedBatches
    """

    needs_python = "several processes share it"

    def __init__(
        self,
        engine: Engine,
        shared: SharedBatches,
        order: SampleOrder,
        callbacks: Callbacks,
        together: int,
        held: Data | None,
    ) -> None:
        super().__init__(engine, shared.own, order, callbacks, together, held)
        self.record: SharedRecord = SharedRecord(engine, shared, together)

    @property
    def rows(self) -> int:
        """Samples of an epoch, of all processes."""
        return sum(self.record.sizes)

    @cached_property
    def _accumulation(self) -> SharedGradient:
        return SharedGradient(self.engine, self.record.shared)

    def _look(self, i: int, program: Program) -> None:
        """Record the results of this process's rows; the loss is checked when all have it."""
        self.record.put(i, program.results)

    def _decide(self, i: int) -> float:
        """Check the loss of all rows; then as one process."""
        self.record.look(i, self._accumulation.objective)
        return super()._decide(i)

    def description(self) -> dict[str, Any]:
        """What must be the same in a fit that resumes this one, with any number of processes."""
        return self._description

    @cached_property
    def _description(self) -> dict[str, Any]:
        found = super().description()
        mode = "train" if self.together == 1 else "accumulate"
        spec = BatchSpec.of(mode, self.record.sizes[0], self.batches.data)
        found |= {
            "rows": self.rows,
            "batches": [self.count, self.record.sizes[0]],
            "rare": [],
            "operations": in_words(BatchGraph.of(self.engine.network, spec).graph),
        }
        member = self.record.shared.member
        if member.sharded:
            means = member.exchange((self.batches.data.rows, found["means of the data"]))
            found["means of the data"] = _mean_of_all(means)
            found |= {"checksums": None, "validation": None}
        return found


def _mean_of_all(shards: Sequence[tuple[int, list[float]]]) -> list[float]:
    """The mean of each array, from each shard's number of rows and its means."""
    rows = sum(own for own, _ in shards)
    columns = zip(*([own * mean for mean in means] for own, means in shards), strict=True)
    return [sum(column) / rows for column in columns]
