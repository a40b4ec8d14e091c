"""Loops and products as tasks, and consecutive tasks as one call."""

from collections.abc import Callable, Sequence
from typing import Any

from xpnet.kernels import Call
from xpnet.lowering.cpu.jit import Program, Task, loop_task
from xpnet.lowering.cpu.philox_llvm import draw_task
from xpnet.lowering.cpu.product_task import product_task
from xpnet.lowering.cpu.threads import advice
from xpnet.lowering.ir import Loop
from xpnet.lowering.reading import Reader

__all__ = ["compile_calls"]


def compile_calls(reader: Reader, items: Sequence[Loop | Call]) -> list[Callable[[], Any]]:
    """The calls to run, as few as possible."""
    threads = advice(max((reader.flops(i) for i in items if isinstance(i, Call)), default=0))
    result: list[Callable[[], Any]] = []
    tasks: list[Task] = []
    for item in items:
        task = _task(reader, item, threads)
        if task is not None:
            tasks.append(task)
            continue
        if tasks:
            result.append(Program(tasks))
            tasks = []
        assert isinstance(item, Call)
        result.append(item.run)
    if tasks:
        result.append(Program(tasks))
    return result


def _task(reader: Reader, item: Loop | Call, threads: int | None) -> Task | None:
    if isinstance(item, Loop):
        return loop_task(item)
    return product_task(reader, item, threads) or draw_task(reader, item)
