"""L-BFGS by several processes: SciPy runs in each, and sees the same numbers."""

from xpnet.data.arrays import Data
from xpnet.engine.engine import Engine
from xpnet.parallel.shared_batches import SharedBatches
from xpnet.parallel.shared_gradient import SharedGradient
from xpnet.training.evaluation import combine
from xpnet.training.objective import Objective
from xpnet.training.shared_record import SharedRecord

__all__ = ["SharedObjective"]


class SharedObjective(Objective):
    """Loss and gradient of the samples of all processes: the same bits in each."""

    def __init__(self, engine: Engine, data: Data, shared: SharedBatches) -> None:
        super().__init__(engine, data, shared.own.programs[0], shared.own.parts[0])
        self.rows = shared.totals[0]
        self._record = SharedRecord(engine, shared, 1)
        self._gradient = SharedGradient(engine, shared)

    def _value(self) -> float:
        self._gradient.clear()
        self._gradient.include(self.program)
        self._gradient.finish()
        return self._gradient.objective

    def _measured(self) -> dict[str, float]:
        record, network = self._record, self._engine.network
        self._gradient.average(self.program)
        record.put(0, self.program.results)
        return combine(network, record.layout, record.rows(1), record.sizes)
