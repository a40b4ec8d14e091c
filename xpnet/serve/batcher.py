"""`Batcher`: requests that come together are predicted together, in a separate thread."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xpnet.serve.limits import Limits
from xpnet.serve.refusal import Refusal

__all__ = ["Batcher"]

Matrix = NDArray[Any]


class _Waiting(NamedTuple):
    """A request's rows, and where their predictions go."""

    rows: Matrix
    found: "asyncio.Future[Matrix]"


class Batcher:
    """Predicts the rows of waiting requests in one batch, and one batch after the other.

    It never waits for more requests: while a batch is computed, the next one gathers.

    Parameters
    ----------
    predict : callable
        ``predict(rows)`` gives an array with a prediction for each row.
    limits : Limits
        `max_batch` and `max_waiting` matter here.

    Attributes
    ----------
    batches, rows : int
        How many batches have been predicted, and how many rows in them.
    """

    def __init__(self, predict: Callable[[Matrix], Matrix], limits: Limits) -> None:
        self._predict, self._limits = predict, limits
        self._queue: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="xpnet-predict")
        self._running: asyncio.Task[None] | None = None
        self.batches = self.rows = 0

    @property
    def waiting(self) -> int:
        """The number of requests in the queue."""
        return len(self._queue)

    async def __call__(self, rows: Matrix) -> Matrix:
        """The prediction for each row. Many rows take turns with other requests.

        Raises
        ------
        Refusal
            503 if too many requests wait.
        """
        size = self._limits.max_batch
        if len(rows) <= size:
            return await self._one(rows)
        parts = [await self._one(rows[i : i + size]) for i in range(0, len(rows), size)]
        return np.concatenate(parts)

    def warm_up(self, row: Matrix) -> None:
        """Predict batches of all sizes, so that the first requests do not wait for preparations.

        Parameters
        ----------
        row : array
            One row.
        """
        size = self._limits.max_batch
        while size:  # the largest first: it makes the memory that the others share
            self._predict(np.repeat(row, size, axis=0))
            size = 1 << (size - 1).bit_length() >> 1

    def close(self) -> None:
        """Wait for the batch that is computed, and end the thread."""
        self._thread.shutdown()

    async def _one(self, rows: Matrix) -> Matrix:
        if len(self._queue) >= self._limits.max_waiting:
            raise Refusal(
                503,
                f"{len(self._queue):,} requests are waiting already: try again later.",
                headers={"retry-after": "1"},
            )
        loop = asyncio.get_running_loop()
        waiting = _Waiting(rows, loop.create_future())
        self._queue.append(waiting)
        if self._running is None:
            self._running = loop.create_task(self._work())
        return await waiting.found

    async def _work(self) -> None:
        """Predict batches until nobody waits."""
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                batch = self._next_batch()
                found = await loop.run_in_executor(self._thread, self._each, batch)
                for waiting, result in zip(batch, found, strict=True):
                    _give(waiting.found, result)
        finally:
            self._running = None

    def _next_batch(self) -> list[_Waiting]:
        """Those who have waited longest, as many as fit."""
        batch, size = [self._queue.popleft()], 0
        size = len(batch[0].rows)
        while self._queue and size + len(self._queue[0].rows) <= self._limits.max_batch:
            batch.append(self._queue.popleft())
            size += len(batch[-1].rows)
        self.batches += 1
        self.rows += size
        return batch

    def _each(self, batch: list[_Waiting]) -> list[Matrix | Exception]:
        """The predictions for each request, or the error that its own rows cause."""
        together = self._result(*(waiting.rows for waiting in batch))
        if len(batch) == 1:
            return [together]
        if isinstance(together, Exception):
            return [self._result(waiting.rows) for waiting in batch]
        ends = np.cumsum([len(waiting.rows) for waiting in batch])[:-1]
        return list(np.split(together, ends))

    def _result(self, *parts: Matrix) -> Matrix | Exception:
        size = sum(map(len, parts))
        more = _padded(size, self._limits.max_batch) - size
        try:
            padding = [parts[0][:1].repeat(more, axis=0)] if more else []
            return self._predict(np.concatenate([*parts, *padding]))[:size]
        except Exception as error:  # it belongs to the request, not to the thread
            return error


def _padded(size: int, most: int) -> int:
    """The next power of 2: a network prepares for each size of batch, and keeps only some."""
    return min(1 << (size - 1).bit_length(), most)


def _give(future: "asyncio.Future[Matrix]", result: Matrix | Exception) -> None:
    if future.done():  # the request was cancelled
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
