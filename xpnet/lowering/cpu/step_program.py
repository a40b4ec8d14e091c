"""Many training steps as one call: fetch a batch, compute, check the loss, update, record."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from xpnet.backends.base import PlannedBackend
from xpnet.kernels import Call
from xpnet.lowering.cpu import fetching
from xpnet.lowering.cpu.compile_tasks import items_of
from xpnet.lowering.cpu.jit import Program
from xpnet.lowering.cpu.schedule import Schedule
from xpnet.lowering.cpu.shared_program import SharedProgram
from xpnet.lowering.fuse import fuse
from xpnet.lowering.intervals import EVERYTHING, Intervals
from xpnet.lowering.reading import Reader

__all__ = ["StepProgram"]


class StepProgram:
    """The steps of an epoch on batches of one size.

    Parameters
    ----------
    backend : PlannedBackend
    compute, change : Program
        They compute a batch's gradient, and update the parameters.
    flush : pair of int and Program or None
        A period in updates, and the program that runs once per period.
    moves : sequence of (source, array)
        Where the rows of a batch come from, and where they go.
    copies : sequence of (target, source)
        Arrays to copy after the update.
    results, log : array
        The results of a step, of which the first is the loss; a log with a row for each batch.
    tables : sequence of (table, array)
        Numbers that a step reads: a table with a row for each batch, and where the row goes.
    order : int64 array
        The numbers of all rows, in the order of the epoch.
    number : 0-d int64 array
        The number of the step.

    Attributes
    ----------
    schedule : Schedule
        What a step does, and where threads synchronize.
    """

    def __init__(
        self,
        backend: PlannedBackend,
        compute: Program,
        change: Program,
        flush: tuple[int, Program | None],
        *,
        moves: Sequence[tuple[Any, Any]],
        copies: Sequence[tuple[Any, Any]],
        results: Any,
        log: Any,
        tables: Sequence[tuple[Any, Any]],
        order: Any,
        number: Any,
    ) -> None:
        self._counter = np.zeros(1, dtype=np.int64)
        self._updates, self._stopped = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        reader, parts, size = Reader(backend), compute.parts, moves[0][1].shape[0]
        schedule = Schedule(parts)
        for source, out in moves:
            schedule.add(fetching.fetch(self._counter, order, size, source, out))
        for table, numbers in tables:
            schedule.add(fetching.numbers_of(self._counter, table, numbers))
        for item in items_of(reader, compute.items, parts, compute.blas_threads):
            schedule.add(item)
        schedule.check(fetching.check(results[:1], self._stopped))
        calls = [Call(backend, np.copyto, pair, {}) for pair in copies]
        commits = fuse(reader, calls, Intervals([EVERYTHING]))
        for item in items_of(reader, [*change.items, *commits], parts):
            schedule.add(item)
        period, program = flush
        for item in items_of(reader, program.items if program else (), parts):
            schedule.add(item, partial(fetching.every, period, self._updates))
        counts = self._counter, self._updates, number
        schedule.add(fetching.record(counts, results, log))
        self.schedule = schedule
        self._program = SharedProgram(schedule.layout, stopped=self._stopped)
        self._arrays = _moving(moves, tables, log, order)
        self._places = [self._pointing_to(*pair) for pair in (*moves, *tables)]
        self._places += [self._pointing_to(x) for x in (log, order)]

    def _pointing_to(self, array: Any, beside: Any = None) -> list[tuple[Any, int]]:
        """Where tasks point to an array; only tasks that also point to `beside`, if given."""
        address = array.ctypes.data
        return [
            (task.pointers, i)
            for task in self._program.tasks
            for i, found in enumerate(task.pointers.tolist())
            if found == address and (beside is None or beside.ctypes.data in task.pointers)
        ]

    def move(
        self,
        *,
        moves: Sequence[tuple[Any, Any]],
        tables: Sequence[tuple[Any, Any]],
        log: Any,
        order: Any,
    ) -> None:
        """Take batches from other arrays of the same types, and write to another log."""
        self._arrays = _moving(moves, tables, log, order)
        for array, places in zip(self._arrays, self._places, strict=True):
            for pointers, i in places:
                pointers[i] = array.ctypes.data

    def release(self) -> None:
        """Stop keeping the arrays alive; call `move` before the next run."""
        self._arrays = []

    def begin(self, first: int, updates: int) -> None:
        """Begin with batch `first`, after this many updates."""
        self._counter[0], self._updates[0] = first, updates

    @property
    def batch(self) -> int:
        """The number of the batch that comes next."""
        return int(self._counter[0])

    def run(self, steps: int) -> None:
        """Run steps; stop at a loss that is NaN or infinite, before that step changes anything."""
        self._program.repeat(steps)


def _moving(moves: Sequence[Any], tables: Sequence[Any], log: Any, order: Any) -> list[Any]:
    """The arrays that `move` exchanges."""
    return [*(source for source, _ in (*moves, *tables)), log, order]
