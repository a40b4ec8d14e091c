"""Requests that come together are predicted together."""

import asyncio
import threading

import numpy as np
import pytest

from xpnet.serve import Limits
from xpnet.serve.batcher import Batcher


class Doubling:
    """Doubles rows, notes the sizes of batches, and can be held up."""

    def __init__(self):
        self.sizes = []
        self.threads = set()
        self.started, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def __call__(self, rows):
        self.sizes.append(len(rows))
        self.threads.add(threading.current_thread())
        self.started.set()
        self.go_on.wait(10)
        if (rows < 0).any():
            raise ValueError("a negative number")
        return rows * 2


def run(test, **limits):
    predict = Doubling()

    async def main():
        batcher = Batcher(predict, Limits(**limits))
        try:
            return await test(batcher, predict)
        finally:
            predict.go_on.set()
            batcher.close()

    return asyncio.run(main())


async def held_up(batcher, predict):
    """A request whose prediction has begun, and does not end."""
    predict.go_on.clear()
    predict.started.clear()
    task = asyncio.create_task(batcher(np.zeros((1, 2))))
    while not predict.started.is_set():
        await asyncio.sleep(0.001)
    return task


async def tasks(batcher, *rows):
    made = [asyncio.create_task(batcher(one)) for one in rows]
    await asyncio.sleep(0)
    return made


@pytest.mark.smoke
def test_those_that_wait_are_one_batch():
    async def test(batcher, predict):
        first = await held_up(batcher, predict)
        each = [np.full((i + 1, 2), float(i)) for i in range(4)]
        made = await tasks(batcher, *each)
        assert batcher.waiting == 4
        predict.go_on.set()
        for one, found in zip(each, await asyncio.gather(*made), strict=True):
            np.testing.assert_array_equal(found, one * 2)
        assert (await first).tolist() == [[0, 0]]
        assert predict.sizes == [1, 16]  # 10 rows, padded
        assert (batcher.batches, batcher.rows, batcher.waiting) == (2, 11, 0)
        assert threading.current_thread() not in predict.threads
        assert len(predict.threads) == 1

    run(test)


def test_a_batch_has_a_largest_size():
    async def test(batcher, predict):
        await held_up(batcher, predict)
        made = await tasks(batcher, *(np.ones((3, 2)) for _ in range(5)))
        predict.go_on.set()
        await asyncio.gather(*made)
        assert predict.sizes == [1, 7, 7, 4]  # 3 + 3, 3 + 3, 3

    run(test, max_batch=7)


def test_many_rows_take_turns():
    async def test(batcher, predict):
        await held_up(batcher, predict)
        many = np.arange(40.0).reshape(20, 2)
        large, small = await tasks(batcher, many, np.ones((1, 2)))
        predict.go_on.set()
        assert (await small).tolist() == [[2, 2]]
        assert not large.done()
        np.testing.assert_array_equal(await large, many * 2)

    run(test, max_batch=8)


def test_an_error_belongs_to_its_request():
    async def test(batcher, predict):
        await held_up(batcher, predict)
        made = await tasks(batcher, np.ones((1, 2)), -np.ones((1, 2)), np.ones((2, 2)))
        predict.go_on.set()
        good, bad, also_good = await asyncio.gather(*made, return_exceptions=True)
        assert (good.tolist(), also_good.tolist()) == ([[2, 2]], [[2, 2]] * 2)
        assert isinstance(bad, ValueError)
        assert (await batcher(np.ones((1, 2)))).tolist() == [[2, 2]]

    run(test)


def test_too_many_requests():
    async def test(batcher, predict):
        await held_up(batcher, predict)
        made = await tasks(batcher, *(np.ones((1, 2)) for _ in range(3)))
        with pytest.raises(Exception, match="3 requests are waiting already") as error:
            await batcher(np.ones((1, 2)))
        assert (error.value.status, error.value.headers["retry-after"]) == (503, "1")
        predict.go_on.set()
        await asyncio.gather(*made)
        assert (await batcher(np.ones((1, 2)))).tolist() == [[2, 2]]

    run(test, max_waiting=3)


def test_a_request_that_is_cancelled():
    async def test(batcher, predict):
        first = await held_up(batcher, predict)
        (second,) = await tasks(batcher, np.ones((1, 2)))
        first.cancel()
        predict.go_on.set()
        assert (await second).tolist() == [[2, 2]]
        assert first.cancelled()

    run(test)


def test_warming_up_begins_with_the_largest_batch():
    predict = Doubling()
    batcher = Batcher(predict, Limits(max_batch=20))
    batcher.warm_up(np.ones((1, 2)))
    assert predict.sizes == [20, 16, 8, 4, 2, 1]
    batcher.close()
