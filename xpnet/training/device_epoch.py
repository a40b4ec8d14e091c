"""An epoch whose order, coefficients and results are on a GPU, so that no step needs the host.

The step number is on the device too, and tells kernels which rows to use.
"""

from collections.abc import Callable, Sequence
from typing import Any

from xpnet.engine.batches import Batches
from xpnet.engine.engine import Engine
from xpnet.engine.update import UpdateProgram
from xpnet.lowering.cuda.steps import begin, end
from xpnet.typing import Array

__all__ = ["DeviceEpoch"]

Calls = list[Callable[[], Any]]


class DeviceEpoch:
    """The arrays that an epoch's steps read and write on the device.

    Parameters
    ----------
    engine : Engine
    batches : Batches
    log : array of shape (batches, results)
        Where the results are written.

    Raises
    ------
    ShapeError
        If one kernel cannot fetch a batch of these arrays.
    """

    def __init__(self, engine: Engine, batches: Batches, log: Array) -> None:
        self._engine, self._batches, self._log = engine, batches, log
        backend: Any = engine.backend
        rows = batches.data.rows
        self._counter = backend.zeros((1,), "int64")
        self._as_they_come = backend.raw.arange(0, rows, dtype="int64")
        self._order = backend.zeros((rows,), "int64")
        self.bind()

    def bound_to(self, update: UpdateProgram) -> bool:
        """Whether the calls belong to this update."""
        return self._update is update

    def bind(self) -> None:
        """Make the calls of a step of each size, with the current optimizer."""
        engine, batches, backend = self._engine, self._batches, self._engine.backend
        self._update, rules = engine.update, engine.update.rules
        numbers = [rules.numbers.array]
        if engine.programs.step_inputs.kinds:
            numbers.append(engine.programs.step_inputs.scheduled.array)
        self._tables = [
            (backend.zeros((len(batches), x.shape[0]), str(x.dtype)), x) for x in numbers
        ]
        self._calls: dict[int, tuple[Calls, Calls]] = {}
        for size, program in zip(batches.sizes, batches.programs, strict=True):
            if size not in self._calls:
                fetch, note = self._ends(program)
                change = [*rules.calls, program.commit, note]
                self._calls[size] = [fetch, program.run], change

    def _ends(self, program: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
        """The calls that fetch a step's batch and numbers, and that record its results."""
        backend, batches = self._engine.backend, self._batches
        moves = [*zip(batches.data.arrays, program.inputs, strict=True)]
        fetch = begin(backend, self._counter, self._order, batches.sizes[0], self._tables, moves)
        number = self._engine.programs.step_inputs.number
        return fetch, end(backend, self._counter, number, program.results, self._log)

    def calls(self, size: int) -> tuple[Calls, Calls]:
        """The calls of a step up to its loss, and the later calls, which change the state."""
        return self._calls[size]

    def begin(self, order: Array, rows: Sequence[Any], first: int) -> None:
        """Begin an epoch with batch `first`, counted from 0.

        `rows` are the coefficients and the scheduled numbers of the remaining steps.
        """
        backend, engine = self._engine.backend, self._engine
        for (table, _), own in zip(self._tables, rows, strict=False):
            table[first:] = backend.asarray(own, str(table.dtype))
        self._order[...] = self._as_they_come if order is None else order
        self._counter[...] = first
        engine.programs.step_inputs.set_number(engine.state.step)
