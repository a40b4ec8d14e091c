"""The steps of an epoch as one compiled function, for libraries that compile whole functions.

JAX compiles a loop of steps, which also fetches their batches, into one program.
"""

from collections.abc import Callable, Sequence
from math import log2
from time import perf_counter
from typing import Any

import numpy as np

from xpnet.backends import TracedBackend
from xpnet.engine.batch_graph import BatchGraph
from xpnet.engine.batches import Window
from xpnet.engine.state import Good
from xpnet.engine.whole_step import Pieces, WholeStep
from xpnet.training.callbacks.callback import Callbacks
from xpnet.training.eager import EagerSteps
from xpnet.training.loop import FitLoop
from xpnet.training.many_steps import ManySteps, Pace, needs_python, table_columns, table_rows
from xpnet.typing import Array

__all__ = ["TracedSteps", "traced"]

_SECONDS = 0.5  # per call, so that progress bars and signals stay responsive
_LEAST = 4  # steps per call: cutting and joining a large state takes a tenth of a step
_ON_DEVICE = 256  # steps per call where their number is part of the program


def traced(eager: EagerSteps, callbacks: Callbacks, wanted: int | None) -> "TracedSteps | None":
    """Steps as one compiled function; None if something needs Python in every step."""
    backend = eager.engine.backend
    if not isinstance(backend, TracedBackend) or wanted == 0:
        return None
    if needs_python(eager, callbacks) is not None:
        return None
    return TracedSteps(eager, backend, wanted)


class TracedSteps(ManySteps):
    """The steps of an epoch.

    Parameters
    ----------
    eager : EagerSteps
        The same steps one by one; it keeps the record of the epoch.
    backend : TracedBackend
    most : int or None
        The most steps per call; by default, as many as fit into about 0.5 s on a CPU.
    """

    def __init__(self, eager: EagerSteps, backend: TracedBackend, most: int | None) -> None:
        super().__init__(eager)
        self._backend, self._most = backend, most
        self._pace = Pace(most, _SECONDS, _LEAST)
        self._log: Array = None
        self._start: Array = None  # the parameters at the start of the epoch

    def epoch(self, loop: FitLoop, learning_rate: float) -> dict[str, float]:
        """Run the remaining steps of the epoch."""
        eager, context, sizes = self._eager, loop.context, self.batches.sizes
        with eager.begun(loop, learning_rate):
            self._begin()
            while (i := context.batch) < self.count:
                window = self.batches.window(i)
                steps, start = self._next(loop, i, window), perf_counter()
                self._several(i, steps, window)
                self._pace.learn(steps, perf_counter() - start)
                if loop.stepped(sum(sizes[i : i + steps]), steps):
                    return {}
                eager.follow()
        return eager.record.finish()

    def _begin(self) -> None:
        """Prepare an epoch's tables: the coefficients that its steps read, and their results."""
        engine, backend = self._engine, self._backend
        columns, dtype = table_columns(engine), engine.network.dtype
        self._tables: list[Any] = [np.zeros((self.count, n), kind) for n, kind in columns]
        if self._log is None or backend.lost(self._log):
            size = self.batches.programs[0].batch_graph.size
            self._log = backend.zeros((self.count, size), dtype)

    def _next(self, loop: FitLoop, i: int, window: Window) -> int:
        """How many steps to run next, on batches of one size."""
        sizes = self.batches.sizes
        alike: int = min(len(sizes) - (sizes[-1] != sizes[0]), window.batches.stop) - i
        most = max(1, min(alike, loop.until_safe_point()))
        if self._backend.synchronous:
            return min(most, self._pace.steps)
        # The number is a part of the program: few numbers, so few programs.
        return int(2 ** int(log2(min(most, self._most or _ON_DEVICE))))

    def _several(self, i: int, steps: int, window: Window) -> None:
        """Run steps from batch `i` on, and check their losses."""
        engine, backend = self._engine, self._backend
        if self._tables[0].shape[1] != len(engine.update.coefficients):
            self._begin()  # a callback changed the rules
        for table, own in zip(self._tables, table_rows(self._eager, i, steps), strict=True):
            table[i : i + steps] = own
        if i == 0 or self._start is None:
            self._start = backend.copy(engine.state.params)
        with engine.programs.lock:
            rows = self._run(i, steps, window)
        self._eager.record.put_all(i, rows)

    def _run(self, i: int, steps: int, window: Window) -> Array:
        """Replace the state by that after these steps; return their results, on the host."""
        engine, state, batches = self._engine, self._engine.state, self.batches
        run, number = self._compiled(batches.programs[i]), self._backend.counter(state.step)
        fixed = [*window.arrays], window.order, window.batches.start, self._tables, number
        found: tuple[dict[str, Array], Array, Array] | None = None
        log: Array = None
        try:
            found = run((state.vectors, self._log), i, steps, batches.sizes[0], *fixed)
            log = self._backend.to_numpy(found[1])  # this waits, and a signal handler may raise
        finally:
            if found is not None:
                rows = self._accept(found, log, i, steps)
            elif self._backend.lost(state.params):  # its memory was already reused
                engine.recover(self._start)
        return rows

    def _accept(
        self, found: tuple[dict[str, Array], Array, Array], log: Array, i: int, steps: int
    ) -> Array:
        """Take the state after these steps, and count those whose losses are finite."""
        engine, state = self._engine, self._engine.state
        try:
            rows = (self._backend.to_numpy(found[1]) if log is None else log)[i : i + steps]
        except Exception:  # the device failed while it computed
            engine.recover(self._start)
            raise
        vectors, self._log, state.results = found
        state.vectors.update(vectors)
        good = int(np.isfinite(rows[:, 0]).cumprod().sum())
        engine.update.passed(good)
        state.step += good
        if good and i == 0:
            state.good = Good(f"the start of epoch {state.epoch + 1}", self._start)
        return rows

    def _compiled(self, program: Any) -> Callable[..., Any]:
        """Steps with a program's kind of batch and the current optimizer; compiled on first use."""
        engine, backend = self._engine, self._backend
        if program.steps is None or program.steps[0] is not engine.update:
            made = program.batch_graph
            step = WholeStep(backend, engine.network.table, made, engine.update.graph)
            program.steps = engine.update, backend.stepping(_stepping(backend, step, made))
        run: Callable[..., Any] = program.steps[1]
        return run


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
        start: Any,
        tables: Sequence[Array],
        number: Array,
    ) -> tuple[dict[str, Array], Array, Array]:
        def body(i: Any, carry: tuple[Pieces, Array, Array]) -> tuple[Pieces, Array, Array]:
            pieces, log, _ = carry
            rows = batch((i - start) * apart, arrays, order)
            own = backend.later(number, i - first)
            pieces, results = step(pieces, rows, own, scheduled[i], coefficients[i])
            return pieces, backend.with_rows(log, i, results[None, :]), results

        (vectors, log), (coefficients, scheduled) = given, tables
        carry = step.cut(vectors), log, backend.xp.zeros_like(log[0, :])
        pieces, log, results = backend.loop(first, count, body, carry)
        return step.join(pieces), log, results

    return run
