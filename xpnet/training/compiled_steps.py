"""Steps of an epoch by a compiled program, which runs many of them in one call."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from xpnet.engine.batches import Window
from xpnet.engine.programs import PlannedProgram
from xpnet.engine.update import FLUSH_EVERY, UpdateProgram
from xpnet.lowering import step_program
from xpnet.training.callbacks.callback import Callbacks
from xpnet.training.eager import EagerSteps
from xpnet.training.loop import FitLoop
from xpnet.training.many_steps import ManySteps, Pace, needs_python, table_columns, table_rows

if TYPE_CHECKING:
    from xpnet.lowering.cpu.step_program import StepProgram

__all__ = ["CompiledSteps", "compiled", "refusal"]

_WORTH = 0.05  # seconds of single steps before compiling, which takes about as long
_SECONDS = 5e-3  # per call, so that progress bars and signals stay responsive


def compiled(eager: EagerSteps, callbacks: Callbacks, wanted: int | None) -> "CompiledSteps | None":
    """Steps by a compiled program; None if something needs Python in every step."""
    if eager.engine.backend.lowering != "cpu" or wanted in (0, 1):
        return None
    if needs_python(eager, callbacks) is not None:
        return None
    return CompiledSteps(eager, wanted)


def refusal(eager: EagerSteps, callbacks: Callbacks) -> str | None:
    """Why each step on a CPU needs Python; None if it does not."""
    backend = eager.engine.backend
    if backend.lowering == "cpu" or backend.traced:
        return needs_python(eager, callbacks)
    return f"{backend.name} has no CUDA graphs, and its steps are not compiled"


class CompiledSteps(ManySteps):
    """The steps of an epoch.

    Parameters
    ----------
    eager : EagerSteps
        The same steps one by one. It runs the first step of each epoch, whose loss says whether the
        parameters are finite, and the last step if its batch is smaller.
    most : int or None
        The most steps per call; by default, as many as fit into about 5 ms.
    """

    def __init__(self, eager: EagerSteps, most: int | None) -> None:
        super().__init__(eager)
        self._pace = Pace(most, _SECONDS)
        self._spent = 0.0 if most is None else _WORTH  # seconds of single steps
        self._began = False
        self._program: StepProgram | None = None
        self._bound_to: tuple[UpdateProgram, Window] | None = None
        self._order: Any = None
        self._tables: list[Any] = []

    def epoch(self, loop: FitLoop, learning_rate: float) -> dict[str, float]:
        """Run the remaining steps of the epoch."""
        eager, context = self._eager, loop.context
        with eager.begun(loop, learning_rate), self._lent():
            while (i := context.batch) < self.count:
                steps = self._next(loop, i, self.batches.window(i))
                start = perf_counter()
                if steps:
                    self._several(i, steps)
                    self._pace.learn(steps, perf_counter() - start)
                else:
                    self._engine.step(self.batches, i, eager.at_cut, eager.share(i))
                    self._learn_single(perf_counter() - start)
                    steps = 1
                if loop.stepped(steps * self.batches.sizes[i], steps):
                    return {}
                eager.follow()
        return eager.record.finish()

    @contextmanager
    def _lent(self) -> Iterator[None]:
        """Let the program read the data in the body."""
        try:
            yield
        finally:
            if self._program is not None:
                self._program.release()
            self._program = self._bound_to = None

    def _next(self, loop: FitLoop, i: int, window: Window) -> int:
        """How many steps to run next; 0 for one by itself: the epoch's first, or a smaller one."""
        sizes = self.batches.sizes
        alike: int = min(len(sizes) - (sizes[-1] != sizes[0]), window.batches.stop) - i
        if i == 0 or alike < 2 or not self._worth() or not self._bound(window):
            return 0
        return max(1, min(alike, self._pace.steps, loop.until_safe_point()))

    def _learn_single(self, seconds: float) -> None:
        """Note how long a step by itself took."""
        self._spent += seconds if self._began else 0.0
        self._began = True  # the first step compiles the update, so it does not count
        self._pace.learn(1, seconds)

    def _worth(self) -> bool:
        """Whether the program is compiled already, or single steps have taken long enough."""
        program: Any = self.batches.programs[0]
        return program.steps is not None or self._spent >= _WORTH

    def _bound(self, window: Window) -> bool:
        """Whether there is a program for the current optimizer; compile it if needed."""
        engine: Any = self._engine
        now = self._bound_to
        if now is None or now[0] is not engine.update or now[1] is not window:
            self._bound_to, columns = (engine.update, window), table_columns(engine)
            if [table.shape[1] for table in self._tables] != [n for n, _ in columns]:
                zeros, rows = engine.backend.zeros, self.count
                self._tables = [zeros((rows, n), dtype) for n, dtype in columns]
            self._set_order(window)
            with engine.programs.lock:
                self._program = self._compiled(window)
        return self._program is not None

    def _set_order(self, window: Window) -> None:
        """Write down the order of a window's rows."""
        backend: Any = self._engine.backend
        rows = window.arrays[0].shape[0]
        if self._order is None or len(self._order) < rows or window.order is None:
            self._order = backend.raw.arange(rows)
        if window.order is not None:
            self._order[: len(window.order)] = window.order

    def _compiled(self, window: Window) -> "StepProgram | None":
        """The program, new or from an earlier fit on batches of the same kind."""
        engine: Any = self._engine
        program, update = self.batches.programs[0], engine.update
        assert isinstance(program, PlannedProgram)
        if not all(array.flags.c_contiguous for array in window.arrays):
            return None
        inputs = engine.programs.step_inputs
        numbers = update.rules.numbers.array, inputs.scheduled.array
        tables, first = zip(self._tables, numbers, strict=True), window.batches.start
        given = {
            "moves": [*zip(window.arrays, program.inputs, strict=True)],
            "tables": [(table[first:], own) for table, own in tables if len(own)],
            "log": self._eager.record.table[first:],
            "order": self._order,
        }
        if program.steps is not None and program.steps[0] is update.rules:
            known: StepProgram | None = program.steps[1]
            if known is not None:
                known.move(**given)
            return known
        flush = [] if update.flush is None else update.flush.calls
        made = step_program(
            engine.backend,
            program.plan.calls,
            update.rules.calls,
            (FLUSH_EVERY, flush),
            copies=program.staged,
            results=program.results,
            number=inputs.number,
            **given,
        )
        program.steps = update.rules, made
        return made

    def _several(self, i: int, steps: int) -> None:
        """Run steps from batch `i` on."""
        engine, state, eager = self._engine, self._engine.state, self._eager
        program, update = self.batches.programs[i], engine.update
        for table, rows in zip(self._tables, table_rows(eager, i, steps), strict=True):
            table[i : i + steps] = rows
        assert self._program is not None
        assert self._bound_to is not None
        inputs, within = engine.programs.step_inputs, i - self._bound_to[1].batches.start
        with engine.programs.lock, self.batches.threads:
            inputs.set_number(state.step)
            self._program.begin(within, state.updates)
            state.begun += 1
            try:
                self._program.run(steps)
            finally:  # a signal handler may raise after the steps have run
                made = self._program.batch - within
                state.results = program.results
                update.passed(made)
                inputs.passed()
                state.step += made
                state.done = state.begun
        if made < steps:
            eager.record.look(i + made, float(program.results[0]))
