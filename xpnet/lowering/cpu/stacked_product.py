"""A stack of matrix products as tasks, one for each. Threads share the stack."""

from itertools import pairwise
from typing import Any

import numpy as np

from xpnet.kernels import Call
from xpnet.lowering.cpu.product_task import task_of
from xpnet.lowering.cpu.sharing import Access, Item, bounds
from xpnet.lowering.cpu.tasks import Task
from xpnet.lowering.reading import Reader
from xpnet.typing import size_of

__all__ = ["Stack", "stack_of"]

_MOST = 4096  # products; of more, the tasks would take too long to make


def stack_of(reader: Reader, call: Call) -> "Stack | None":
    """A recorded product of stacks of matrices; None if BLAS cannot do each by address."""
    out = call.kwargs.get("out")
    if reader.name(call) != "matmul" or len(call.args) != 2 or set(call.kwargs) != {"out"}:
        return None
    if out.ndim < 3 or min(x.ndim for x in call.args) < 2 or not out.flags.c_contiguous:
        return None
    if not 0 < size_of(out.shape[:-2]) <= _MOST or not out.size:
        return None
    a, b = (_as_stack(x, out) for x in call.args)
    if a is None or b is None:
        return None
    made = Stack(reader, a, b, out.reshape(-1, *out.shape[-2:]))
    return made if made.compiles else None


def _as_stack(x: Any, out: Any) -> Any:
    """A view of an operand with one matrix for each of the output's; None if there is none."""
    stack, matrix = out.shape[:-2], x.shape[-2:]
    count = size_of(stack)
    if size_of(x.shape[:-2]) == 1:
        return np.broadcast_to(x.reshape(1, *matrix), (count, *matrix))
    if x.shape[:-2] != stack:
        return None
    made = x.reshape(count, *matrix)
    return made if np.shares_memory(made, x) else None


class Stack(Item):
    """Products of the matrices in two stacks, into a third.

    Attributes
    ----------
    compiles : bool
        Whether BLAS can do each by address.
    """

    def __init__(self, reader: Reader, a: Any, b: Any, out: Any) -> None:
        found = [task_of(reader, *matrices, 1) for matrices in zip(a, b, out, strict=True)]
        self._tasks = [task for task in found if task is not None]
        self.compiles = len(self._tasks) == len(found)
        self.shared = [_access(reader, x, x is out) for x in (out, a, b)]

    def task(self) -> Task:
        (task,) = self._tasks
        return task

    def alone(self) -> list[Task]:
        return self._tasks

    def tasks(self, parts: int) -> list[list[Task]]:
        limits = pairwise(bounds(len(self._tasks), parts))
        return [self._tasks[start:stop] for start, stop in limits]


def _access(reader: Reader, x: Any, writes: bool) -> Access:
    """The memory of a stack, which threads share by matrices."""
    unit = x.strides[0]
    return Access(*reader.operand(x).range, unit, len(x) if unit else 0, writes)
