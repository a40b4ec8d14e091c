"""Loss and gradient as SciPy asks for them."""

from math import isfinite

import numpy as np

from xpnet.data.arrays import Data
from xpnet.engine.engine import Engine
from xpnet.engine.programs import Program
from xpnet.engine.sparse_program import settle
from xpnet.lowering import turn
from xpnet.training.evaluation import combine
from xpnet.typing import Array

__all__ = ["Objective"]


class Objective:
    """Loss and gradient of all samples as SciPy asks for them: float64 vectors on the host.

    Parameters
    ----------
    engine : Engine
    data : Data
    program : Program
        That of these rows of the data.
    own : slice
        All rows, or this process's among several.

    Attributes
    ----------
    program : Program
    """

    def __init__(
        self, engine: Engine, data: Data, program: Program, own: slice = slice(None)
    ) -> None:
        self._engine, self._data, self.rows, self._own = engine, data, data.rows, own
        self._decay = engine.optimizer.decay_after(0)
        self.program = program
        self._threads = turn(engine.backend, self.program.flops) or engine.programs.lock
        self._at = self.start()

    def start(self) -> Array:
        """The current trained parameters."""
        engine = self._engine
        trained = engine.backend.to_numpy(engine.state.params)[: engine.network.table.trainable]
        return trained.astype("float64")

    def __call__(self, x: Array) -> tuple[float, Array]:
        """The objective, and its gradient."""
        engine, backend, table = self._engine, self._engine.backend, self._engine.network.table
        state, program = engine.state, self.program
        self._at = x.copy()
        trained = backend.asarray(x.astype(engine.network.dtype), engine.network.dtype)
        # Other programs share this one's memory: earlier loaded data may be gone.
        with engine.programs.lock, backend.quiet(), self._threads:
            rest = state.params[table.trainable :]
            state.set_params(backend, backend.xp.concat([trained, rest]))
            program.load(self._data.arrays, self._own)
            try:
                program.run()
                settle(program)
            finally:
                program.release()
        value = self._value()
        gradient = backend.to_numpy(state.gradient).astype("float64")
        for part, _, factor in table.groups:
            if decay := factor * self._decay:
                gradient[part] += decay * x[part]
                value += decay / 2 * float(x[part] @ x[part])
        return (value if isfinite(value) else np.inf), gradient

    def _value(self) -> float:
        """The loss and the penalties; the gradient is then in the state."""
        return float(self.program.results[0])

    def accept(self, x: Array) -> dict[str, float]:
        """Take this point; return its loss and metrics."""
        if not np.array_equal(self._at, x):
            self(x)
        program, engine = self.program, self._engine
        with engine.programs.lock:
            engine.state.begun += 1
            program.commit()
            engine.state.done = engine.state.begun
        engine.state.results = engine.backend.copy(program.results)
        return self._measured()

    def _measured(self) -> dict[str, float]:
        """The loss and the metrics of the last point."""
        program, engine = self.program, self._engine
        log = engine.backend.to_numpy(program.results).astype("float64")[None]
        return combine(engine.network, program.batch_graph.layout, log, [self.rows])
