"""Threads that predict single rows take turns, first come, first served.

Python passes its own lock on every 5 ms, to any of the threads that wait for it. So of many threads
that make short calls, some would wait for hundreds of milliseconds. Here a thread has a turn of
`_SLICE`, in which it may predict again and again, and then the one that has waited longest.
"""

import os
from _thread import LockType, allocate_lock, get_ident
from collections import deque
from contextlib import suppress
from time import perf_counter
from typing import Any

__all__ = ["FairTurns"]

_SLICE = 0.003  # seconds
_POLL = 0.002  # seconds until a waiting thread looks whether the turn is still used
_PATIENCE = 0.05  # seconds until it goes ahead anyway


class FairTurns:
    """Whose turn it is: ``with turns: ...``.

    They decide only who comes next: the code in them must be right in any number of threads.
    """

    def __init__(self) -> None:
        self._queue: deque[LockType] = deque()
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)  # the child has no other threads

    def _forget(self) -> None:
        self._queue.clear()
        self._owner, self._end, self._used = 0, 0.0, False

    def __enter__(self) -> None:
        me = get_ident()
        if self._owner != me or (self._queue and perf_counter() > self._end):
            if self._queue or self._used:
                self._wait()
            self._owner, self._end = me, perf_counter() + _SLICE
        self._used = True

    def __exit__(self, *_: Any) -> None:
        self._used = False
        if self._queue and perf_counter() > self._end:
            self._pass_on()

    def _pass_on(self) -> None:
        with suppress(IndexError, RuntimeError):  # nobody waits, or it knows
            self._queue[0].release()

    def _wait(self) -> None:
        """Return when it is this thread's turn."""
        queue, own, end = self._queue, allocate_lock(), perf_counter() + _PATIENCE
        own.acquire()
        queue.append(own)
        try:
            while not own.acquire(timeout=_POLL):
                free = not self._used and queue[0] is own
                if free or perf_counter() > end:
                    break
        finally:
            with suppress(ValueError):  # after a fork
                queue.remove(own)
