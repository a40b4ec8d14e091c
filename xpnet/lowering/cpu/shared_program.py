"""A program whose stages threads share, as one call from Python."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from xpnet.lowering.cpu.jit import Program, Task, table
from xpnet.lowering.cpu.schedule import Schedule
from xpnet.lowering.cpu.worker_code import MOST_PARTS
from xpnet.lowering.cpu.workers import workers

__all__ = ["SharedProgram"]


class SharedProgram(Program):
    """The tasks of a schedule.

    Parameters
    ----------
    schedule : Schedule
    threads : int, optional
        Threads that may take part; by default one for each part.
    stopped : int64 array of shape (1,), optional
        A task that sets it ends the program after the current stage.
    """

    def __init__(self, schedule: Schedule, threads: int | None = None, stopped: Any = None) -> None:
        assert schedule.parts <= MOST_PARTS
        self.schedule, self.parts = schedule, schedule.parts
        self._threads = threads or schedule.parts
        self._stopped = np.zeros(1, dtype=np.int64) if stopped is None else stopped
        self.tasks = list[Task]()
        self._memory: list[Any] = []
        stages = schedule.stages
        row = [len(stages), self._stopped.ctypes.data, *self._address(schedule.head)]
        for stage in stages:
            row += self._address(stage.tail)
            for part in stage.parts:
                row += self._address(part)
        self._table = np.array(row, dtype=np.int64)
        self._program = self._table.ctypes.data

    def _address(self, tasks: Sequence[Task]) -> list[int]:
        """The address of a table of tasks, and their number."""
        self.tasks = [*self.tasks, *tasks]
        rows = table(tasks)
        self._memory.append(rows)
        return [rows.ctypes.data, len(tasks)]

    def run(self) -> None:
        """Run the program."""
        self.repeat(1)

    def repeat(self, steps: int) -> None:
        """Run the program some times, or until a task stops it."""
        self._stopped[0] = 0
        workers().run(self._program, self.parts, self._threads, steps)
