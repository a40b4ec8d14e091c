"""Steps of an epoch by one compiled function, for libraries that compile whole functions.

JAX compiles a loop of steps, with the fetching of their batches, into one program.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from xpnet.backends import TracedBackend
from xpnet.engine.batch_graph import BatchGraph
from xpnet.engine.batches import Batches
from xpnet.engine.state import Good
from xpnet.engine.whole_step import Pieces, WholeStep
from xpnet.training.callbacks.callback import Callbacks
from xpnet.training.compiled_steps import FixedPace, Pace, needs_python
from xpnet.training.context import FitContext
from xpnet.training.eager import EagerSteps
from xpnet.training.loop import FitLoop
from xpnet.typing import Array

__all__ = ["TracedSteps", "traced"]

_SECONDS = 20e-3  # per call, so that progress bars and signals stay responsive
_ON_DEVICE = 256  # steps per call where their number is a part of the program


def traced(eager: EagerSteps, callbacks: Callbacks, wanted: int | None) -> "TracedSteps | None":
    """Steps by one compiled function; None if something needs Python in every step."""
    backend = eager.engine.backend
    if not isinstance(backend, TracedBackend) or wanted == 0:
        return None
    if needs_python(eager, callbacks) is not None:
        return None
    return TracedSteps(eager, backend, wanted)


class TracedSteps:
    """The steps of an epoch.

    Parameters
    ----------
    eager : EagerSteps
        The same steps one by one; it keeps the record of the epoch.
    backend : TracedBackend
    most : int or None
        The most steps per call; by default, as many as fit into about 20 ms on a CPU.
    """

    columns: tuple[str, ...] = ("learning_rate",)

    def __init__(self, eager: EagerSteps, backend: TracedBackend, most: int | None) -> None:
        self._eager, self._engine, self._backend = eager, eager.engine, backend
        self.batches: Batches = eager.batches
        fixed = None if backend.synchronous else most or _ON_DEVICE
        self._pace = Pace(most, _SECONDS) if fixed is None else FixedPace(fixed)
        self._log: Array = None

    @property
    def rows(self) -> int:
        """Samples per epoch."""
        return self._eager.rows

    @property
    def count(self) -> int:
        """Batches per epoch."""
        return self._eager.count

    def begin(self, context: FitContext) -> None:
        """Begin the fit; here a step can always be tried."""
        self._eager.begin(context)

    def epoch(self, loop: FitLoop, learning_rate: float) -> dict[str, float]:
        """Run the remaining steps of the epoch."""
        eager, context, sizes = self._eager, loop.context, self.batches.sizes
        with eager.begun(loop, learning_rate):
            self._begin()
            while (i := context.batch) < self.count:
                steps, start = self._next(loop, i), perf_counter()
                self._several(i, steps)
                self._pace.learn(steps, perf_counter() - start)
                if loop.stepped(sum(sizes[i : i + steps]), steps):
                    return {}
                eager.follow()
        return eager.record.finish()

    def _begin(self) -> None:
        """Prepare the tables of an epoch: the numbers that its steps read, and their results."""
        engine, backend = self._engine, self._backend
        shape, dtype = (self.count, len(engine.update.names)), engine.network.dtype
        self._coefficients: Any = np.zeros(shape, dtype)
        if self._log is None or backend.lost(self._log):
            size = self.batches.programs[0].batch_graph.size
            self._log = backend.zeros((self.count, size), dtype)

    def _next(self, loop: FitLoop, i: int) -> int:
        """How many steps to run next, on batches of one size."""
        sizes = self.batches.sizes
        alike: int = len(sizes) - (sizes[-1] != sizes[0]) - i
        return max(1, min(alike, self._pace.steps, loop.until_safe_point()))

    def _several(self, i: int, steps: int) -> None:
        """Run steps from batch `i` on, and check their losses."""
        engine, state, backend = self._engine, self._engine.state, self._backend
        if self._coefficients.shape[1] != len(engine.update.names):  # a callback changed the rules
            self._begin()
        rates = [self._eager.rate(n) for n in range(i, i + steps)]
        self._coefficients[i : i + steps] = engine.update.ahead(rates)
        before = backend.copy(state.params) if i == 0 else None
        with engine.programs.lock:
            rows = self._run(i, steps)
        good = int(np.isfinite(rows[:, 0]).cumprod().sum())
        engine.update.passed(good)
        state.step += good
        if good and before is not None:
            state.good = Good(f"the start of epoch {state.epoch + 1}", before)
        self._eager.record.put_all(i, rows)

    def _run(self, i: int, steps: int) -> Array:
        """Replace the state by that after these steps; their results."""
        state, batches = self._engine.state, self.batches
        run = self._compiled(batches.programs[i])
        given = state.vectors, self._log
        number = self._backend.counter(state.step)
        fixed = batches.data.arrays, batches.order, self._coefficients, number
        try:
            vectors, log, results = run(given, i, steps, batches.sizes[0], *fixed)
            rows = self._backend.to_numpy(log)[i : i + steps]  # a failure of the device shows here
            self._log, state.results = log, results
            state.vectors.update(vectors)
        except BaseException:
            self._log = None
            if self._backend.lost(state.params):  # its memory was already re-used
                self._engine.recover()
            raise
        return rows

    def _compiled(self, program: Any) -> Callable[..., Any]:
        """Steps with a program's kind of batch and the current optimizer; compiled on first use."""
        engine, backend = self._engine, self._backend
        update, known = engine.update, program.loops.get("steps", (None, None))
        if known[0] is not update:
            made = program.batch_graph
            step = WholeStep(backend, engine.network.table, made, update.graph)
            known = update, backend.stepping(_stepping(backend, step, made))
            program.loops["steps"] = known
        run: Callable[..., Any] = known[1]
        return run

    def recorded(self, count: int) -> Array:
        """The results of the first batches of this epoch, on the host."""
        return self._eager.recorded(count)

    def restore(self, rows: Array) -> None:
        """Set the results of this epoch's first batches."""
        self._eager.restore(rows)

    def description(self) -> dict[str, Any]:
        """What must be the same in a fit that resumes this one."""
        return self._eager.description()


def _stepping(
    backend: TracedBackend, step: WholeStep, batch_graph: BatchGraph
) -> Callable[..., Any]:
    """Many steps, as a pure function of the state and of the epoch's arrays."""
    size = batch_graph.graph.inputs[0].shape[0]

    def batch(start: Any, arrays: list[Array], order: Array) -> list[Array]:
        if order is None:
            return [backend.rows_from(array, start, size) for array in arrays]
        index = backend.rows_from(order, start, size)
        return [backend.take(array, index) for array in arrays]

    def run(
        given: tuple[dict[str, Array], Array],
        first: Any,
        count: Any,
        apart: Any,
        arrays: list[Array],
        order: Array,
        coefficients: Array,
        number: Array,
    ) -> tuple[dict[str, Array], Array, Array]:
        def body(i: Any, carry: tuple[Pieces, Array, Array]) -> tuple[Pieces, Array, Array]:
            pieces, log, _ = carry
            rows = batch(i * apart, arrays, order)
            own = backend.later(number, i - first)
            pieces, results = step(pieces, rows, own, coefficients[i])
            return pieces, backend.with_rows(log, i, results[None, :]), results

        vectors, log = given
        carry = step.cut(vectors), log, backend.xp.zeros_like(log[0, :])
        pieces, log, results = backend.loop(first, count, body, carry)
        return step.join(pieces), log, results

    return run
