"""What threads share, done by one thread in any order that several could have."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xpnet.backends.cpu import NumpyBackend
from xpnet.kernels import Call, Recorder
from xpnet.lowering import Loop, Reader, fuse
from xpnet.lowering.cpu.compile_tasks import items_of
from xpnet.lowering.cpu.jit import Program
from xpnet.lowering.cpu.sharing import Access, Item
from xpnet.lowering.cpu.tasks import Layout, Task
from xpnet.lowering.intervals import EVERYTHING, Intervals

__all__ = [
    "check_shares",
    "fused",
    "interleaved",
    "row_access",
    "run_item",
    "run_layout",
    "shared_items",
    "whole_numbers",
]

_BACKEND = NumpyBackend(compiles=True)


def whole_numbers(*shape: int, dtype: str = "float32") -> Any:
    """Small ones of both signs, so that every sum is exact."""
    size = int(np.prod(shape))
    return (np.arange(size) * 5 % 7 - 3).astype(dtype).reshape(shape)


def row_access(array: Any, writes: bool = True) -> Access:
    """The access of threads that share the rows of an array."""
    start, step = array.__array_interface__["data"][0], array.strides[0]
    inner = array.strides[1] * (array.shape[1] - 1) + array.itemsize
    return Access(start, start + (len(array) - 1) * step + inner, step, len(array), writes)


def fused(
    record: Callable[..., object], arrays: Sequence[Any], spare: Sequence[Any] = ()
) -> tuple[Reader, list[Call], list[Loop | Call]]:
    """The calls that ``record(k, *arrays)`` records, and what is made of them."""
    k, reader, live = Recorder(_BACKEND), Reader(_BACKEND), Intervals([EVERYTHING])
    record(k, *arrays)
    for memory in spare:
        live.remove(reader.operand(memory).range)
    return reader, k.calls, fuse(reader, k.calls, live)


def shared_items(
    record: Callable[..., object], arrays: Sequence[Any], parts: int, spare: Sequence[Any] = ()
) -> tuple[list[Call], list[Item]]:
    """The calls, and what threads share of them."""
    reader, calls, found = fused(record, arrays, spare)
    return calls, [*items_of(reader, found, parts)]


def interleaved(parts: Sequence[Sequence[Any]], rng: np.random.Generator) -> list[Any]:
    """The tasks of all parts in a random order that keeps each part's own."""
    turns = rng.permutation([i for i, part in enumerate(parts) for _ in part])
    left = [iter(part) for part in parts]
    return [next(left[i]) for i in turns]


def run_layout(layout: Layout, rng: np.random.Generator, stopped: Any = (0,)) -> None:
    """Run a program in a random order that threads could have, until a task stops it."""
    _run(layout.head)
    for stage in layout.stages:
        _run([*interleaved(stage.parts, rng), *stage.tail])
        if stopped[0]:
            return


def _run(tasks: Sequence[Task]) -> None:
    if tasks:
        Program(tasks).run()


def run_item(item: Item, parts: int) -> None:
    """Do the shares of all threads, the last one first; all of it if it cannot be shared."""
    shares = [[item.task()]] if item.shared is None else item.tasks(parts)
    _run([task for tasks in reversed(shares) for task in tasks])


def check_shares(
    record: Callable[..., object], *arrays: Any, kinds: list[type[Item]], parts: int
) -> None:
    """Check that what threads compute in shares is what the calls compute."""
    calls, items = shared_items(record, arrays, parts)
    assert [type(item) for item in items] == kinds
    before = [a.copy() for a in arrays]
    for call in calls:
        call.run()
    wanted = [a.copy() for a in arrays]
    for a, start in zip(arrays, before, strict=True):
        a[...] = start
    for item in items:
        run_item(item, parts)
    for a, expected in zip(arrays, wanted, strict=True):
        np.testing.assert_array_equal(a, expected)
