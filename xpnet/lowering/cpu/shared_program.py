"""A program whose stages threads share, as one call from Python."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from xpnet.lowering.cpu.jit import Program, table
from xpnet.lowering.cpu.tasks import Layout, Task
from xpnet.lowering.cpu.worker_code import MOST_PARTS
from xpnet.lowering.cpu.workers import prepare, workers

__all__ = ["SharedProgram"]


class SharedProgram(Program):
    """The tasks of a layout as a program.

    Parameters
    ----------
    layout : Layout
    stopped : int64 array of shape (1,), optional
        A task that sets it ends the program after the current stage.
    """

    def __init__(self, layout: Layout, stopped: Any = None) -> None:
        assert layout.parts <= MOST_PARTS
        prepare()
        self._layout, self.parts = layout, layout.parts
        self._stopped = np.zeros(1, dtype=np.int64) if stopped is None else stopped
        self.tasks = layout.tasks
        self._memory: list[Any] = []
        stages = layout.stages
        row = [len(stages), self._stopped.ctypes.data, *self._address(layout.head)]
        for stage in stages:
            row += self._address(stage.tail)
            for part in stage.parts:
                row += self._address(part)
        self._table = np.array(row, dtype=np.int64)
        self._program = self._table.ctypes.data

    @property
    def layout(self) -> Layout:
        return self._layout

    def _address(self, tasks: Sequence[Task]) -> list[int]:
        """The address of a table of tasks, and their number."""
        rows = table(tasks)
        self._memory.append(rows)
        return [rows.ctypes.data, len(tasks)]

    def run(self) -> None:
        """Run the program."""
        self.repeat(1)

    def repeat(self, steps: int) -> None:
        """Run the program `steps` times, or until a task stops it."""
        self._stopped[0] = 0
        workers().run(self._program, self.parts, self.parts, steps)
