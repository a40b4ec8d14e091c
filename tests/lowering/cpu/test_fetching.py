"""What a program of whole steps does between them: batches, numbers, checks, records."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from support.each import Each

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

from support.stages import run_item

from xpnet.lowering.cpu import fetching
from xpnet.lowering.cpu.jit import Program
from xpnet.lowering.cpu.sharing import Access, Item, Lone
from xpnet.lowering.cpu.tasks import Task

DTYPES = ["float32", "float64", "int64", "bool"]


def number(value: int = 0) -> Any:
    return np.array([value], dtype=np.int64)


def do(item: Item) -> None:
    Program(item.alone()).run()


def test_a_batch_is_fetched(each: Each) -> None:
    """By one thread and by several, for rows that do not divide; nothing beside it changes."""
    rng = np.random.default_rng(0)
    for dtype, width, parts in product(DTYPES, ((), (1,), (3,), (2, 5), (700,)), (1, 2, 3, 5)):
        with each(dtype, width=width, parts=parts):
            source = (rng.normal(size=(40, *width)) * 9).astype(dtype)
            order, memory = rng.permutation(40), np.zeros((9, *width), dtype)
            out = memory[1:8]
            counter = number()
            item = fetching.fetch(counter, order, 7, source, out)
            for batch in (0, 4, 2):
                counter[0] = batch
                run_item(item, parts) if parts > 1 else do(item)
                np.testing.assert_array_equal(out, source[order[7 * batch : 7 * batch + 7]])
                assert not memory[[0, 8]].any()


def test_small_batches_are_fetched_by_one_thread() -> None:
    order = np.arange(100)
    for width, shared in ((1, False), (200, True)):
        x = np.zeros((100, width), "float32")
        item = fetching.fetch(number(), order, 10, x, np.zeros((10, width), "float32"))
        assert (item.shared is not None) == shared
        assert {a.writes for a in item.whole()} == {True, False}


def test_fetching_is_shared_by_rows() -> None:
    """So that what follows in the batch's rows needs no meeting."""
    x, out = np.zeros((100, 200), "float32"), np.zeros((10, 200), "float32")
    item = fetching.fetch(number(), np.arange(100), 10, x, out)
    start = out.ctypes.data
    own = Access(start, start + out.nbytes, 800, 10, True)
    assert item.shared is not None
    assert [a for a in item.shared if a.writes] == [own]


def test_numbers_of_a_step(each: Each) -> None:
    for dtype, columns in product(("float32", "float64"), (0, 1, 4)):
        with each(dtype, columns=columns):
            table = np.arange(5 * columns).reshape(5, columns).astype(dtype)
            out, counter = np.full(columns, -1, dtype), number(3)
            item = fetching.numbers_of(counter, table, out)
            do(item)
            np.testing.assert_array_equal(out, table[3])
            assert item.shared is None


def test_a_loss_that_is_not_finite_stops(each: Each) -> None:
    for dtype in ("float32", "float64"):
        largest = np.finfo(dtype).max
        for value in (0.0, -1.5, largest, -largest, np.finfo(dtype).tiny / 4):
            with each(dtype, value):
                assert stopped(value, dtype) == 0
        for value in (np.nan, -np.nan, np.inf, -np.inf):
            with each(dtype, value):
                assert stopped(value, dtype) == 1


def stopped(value: Any, dtype: str) -> int:
    loss, word = np.array([value], dtype), number(7)  # a task keeps no array alive
    do(fetching.check(loss, word))
    return int(word[0])


def test_results_are_recorded_and_steps_counted() -> None:
    results, log = np.array([1.5, 2.5, 3.5]), np.zeros((4, 3))
    counts = number(2), number(40), np.array(7, np.int64)
    item = fetching.record(counts, results, log)
    do(item)
    assert [int(c.item()) for c in counts] == [3, 41, 8]
    np.testing.assert_array_equal(log, [[0] * 3, [0] * 3, [1.5, 2.5, 3.5], [0] * 3])
    results[:] = 9
    do(item)
    np.testing.assert_array_equal(log[2:], [[1.5, 2.5, 3.5], [9] * 3])


class Adding(Lone):
    """Adds 1 to a number, by the task that counts steps."""

    def __init__(self, word: Any) -> None:
        self._counts, self._nothing = (word, number(), number()), np.zeros(0)
        inner = fetching.record(self._counts, self._nothing, self._nothing)
        super().__init__(inner.task, [])

    def tasks(self, parts: int) -> list[list[Task]]:
        return [[self.task()], [], [self.task(), self.task()]]


def test_something_every_few_updates(each: Each) -> None:
    """After updates number 3, 6, ...; the number is of those before this one."""
    for period in (1, 2, 3, 32):
        with each(period=period):
            updates, done = number(), number()
            adding = Adding(done)
            item = fetching.every(period, updates, adding)
            for i in range(100):
                updates[0] = i
                before = int(done[0])
                do(item)
                assert done[0] - before == ((i + 1) % period == 0)


def test_several_tasks_every_few_updates() -> None:
    """Of each thread, as many as there are."""
    updates, done = number(2), number()
    adding = Adding(done)
    item = fetching.every(3, updates, adding)
    tasks = item.tasks(3)
    assert [len(own) for own in tasks] == [1, 0, 2]
    Program([task for own in tasks for task in own]).run()
    assert done[0] == 3
    updates[0] = 3
    Program([task for own in tasks for task in own]).run()
    assert done[0] == 3
    assert item.shared is None
