"""Loops and products as tasks, and tasks that follow one another as one call."""

from collections.abc import Callable, Sequence
from typing import Any

from xpnet.kernels import Call
from xpnet.lowering.cpu.engine import Task, loop_task, program
from xpnet.lowering.cpu.noise import draw_task
from xpnet.lowering.cpu.products import product_task
from xpnet.lowering.loop import Loop
from xpnet.lowering.reading import Reader

__all__ = ["compile_calls"]


def compile_calls(reader: Reader, items: Sequence[Loop | Call]) -> list[Callable[[], Any]]:
    """What is to be run: as few calls as there can be."""
    result: list[Callable[[], Any]] = []
    tasks: list[Task] = []
    for item in items:
        task = _task(reader, item)
        if task is not None:
            tasks.append(task)
            continue
        if tasks:
            result.append(program(tasks))
            tasks = []
        assert isinstance(item, Call)
        result.append(item.run)
    if tasks:
        result.append(program(tasks))
    return result


def _task(reader: Reader, item: Loop | Call) -> Task | None:
    if isinstance(item, Loop):
        return loop_task(item)
    return product_task(reader, item) or draw_task(reader, item)
