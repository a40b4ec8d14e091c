"""The threads of a BLAS: their number, temporary limits, and turns with a fixed number.

A BLAS has one number of threads for the whole process, and rounding depends on it. So programs that
need different numbers take turns; programs that need the same number run together.
"""

import os
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from functools import cache
from threading import Condition, Lock, get_ident
from typing import NamedTuple

from xpnet.lowering.cpu import blas

__all__ = ["Pool", "numpys"]


class _Controls(NamedTuple):
    """Functions that ask a library for its number of threads, and set it."""

    ask: Callable[[], int]
    give: Callable[[int], object]


class Pool:
    """The threads of a library, in the whole process.

    Parameters
    ----------
    ask : callable
        Returns the number of threads.
    give : callable
        Sets the number of threads.
    """

    def __init__(self, ask: Callable[[], int], give: Callable[[int], object]) -> None:
        self._blas = _Controls(ask, give)
        self.reset()

    def reset(self) -> None:
        """Return to the state of a new process: no limits, no turns."""
        self._lock = Lock()
        self._free = Condition(self._lock)
        self.limits: dict[_Limit, int] = {}
        self._running: set[int] = set()  # the Python threads in a turn
        self._waiting = self._round = 0
        # The number of threads without limits, between turns, and now.
        self._before = self._between = 1
        self._now: int | None = 1  # None while it changes

    @property
    def count(self) -> int:
        """The number of threads without limits."""
        with self._lock:  # a changing limit also changes the library's answer
            self._look()
            return self._before

    def limited(self, count: int) -> AbstractContextManager[None]:
        """At most `count` threads between turns; the earlier number is restored afterwards.

        Several Python threads may hold limits at once. The lowest applies, and the original
        number is restored after the last.
        """
        return _Limit(self, count)

    def turn(self, count: int | None) -> AbstractContextManager[None]:
        """Exactly `count` threads, or all for None. Waits while others run with another number.

        Code in a turn must not wait for another Python thread.
        """
        return _Turn(self, count)

    def add(self, limit: "_Limit", count: int) -> None:
        """Add a limit of this Python thread."""
        with self._lock:
            self._look()
            self.limits[limit] = count
            self._follow()

    def remove(self, *limits: "_Limit") -> None:
        """Remove limits."""
        with self._lock:
            self._look()
            for limit in limits:
                self.limits.pop(limit, None)
            self._follow()

    def _follow(self) -> None:
        """Set the number that the limits allow, unless a turn has another."""
        self._between = min([*self.limits.values(), self._before])
        if not self._running:
            self._set(self._between)

    def held(self) -> set["_Limit"]:
        """The limits of this Python thread."""
        me = get_ident()
        return {limit for limit in [*self.limits] if limit.owner == me}

    def settle(self, held: Collection["_Limit"]) -> None:
        """Undo what this Python thread has left behind, except the limits that it held before.

        A signal may raise an exception at the start of an ``__exit__`` or at the end of an
        ``__enter__``. Then nothing else would undo it.
        """
        if self.limits and (left := self.held().difference(held)):
            self.remove(*left)
        running = self._running
        if get_ident() in running if running else self._now != self._between:
            self.leave()

    def leave(self) -> None:
        """End the turn of this Python thread."""
        with self._lock:
            self._running.discard(get_ident())
            if not self._running:
                self._round += 1
                if self._now != self._between:
                    self._set(self._between)
                if self._waiting:
                    self._free.notify_all()

    def enter(self, count: int | None) -> None:
        """Begin a turn of this Python thread."""
        with self._lock:
            self._wait_and_set(count)
            self._running.add(get_ident())

    def _wait_and_set(self, count: int | None) -> None:
        """Wait until this number of threads is possible, and set it."""
        self._running.discard(get_ident())  # left by a turn that Ctrl-C interrupted
        self._look()
        wanted = self._before if count is None else min(count, self._before)
        if self._running and (self._waiting or self._now != wanted):
            self._wait(wanted)
        if not self._running:
            self._set(wanted)

    def _look(self) -> None:
        """Ask for the number of threads, which others may change while there are no limits here."""
        if not self._running and not self.limits:
            self._before = self._between = self._now = self._blas.ask()

    def _wait(self, wanted: int) -> None:
        """Wait until no turn with another number runs; first come, first served."""
        came, self._waiting = self._round, self._waiting + 1
        try:
            self._free.wait_for(
                lambda: not self._running or (self._round != came and self._now == wanted)
            )
        finally:
            self._waiting -= 1

    def _set(self, count: int) -> None:
        if count != self._now:
            self._now = None  # a signal may come in between
            self._blas.give(count)
            self._now = count


class _Limit(AbstractContextManager[None]):
    """A limit. A class, because a generator would take three times as long."""

    def __init__(self, pool: Pool, count: int) -> None:
        self._pool, self._count, self.owner = pool, count, get_ident()

    def __enter__(self) -> None:
        self._pool.add(self, self._count)

    def __exit__(self, *_: object) -> None:
        self._pool.remove(self)


class _Turn(AbstractContextManager[None]):
    """A turn. Several Python threads may enter it repeatedly and at once."""

    def __init__(self, pool: Pool, count: int | None) -> None:
        self._pool, self._count = pool, count

    def __enter__(self) -> None:
        pool = self._pool
        with pool._lock:  # every step of a fit comes here; the fit's limit has set the number
            if pool._now == self._count and pool.limits and not pool._waiting:
                pool._running.add(get_ident())
                return
        try:
            pool.enter(self._count)
        except BaseException:  # Ctrl-C
            pool.leave()
            raise

    def __exit__(self, *_: object) -> None:
        self._pool.leave()


@cache
def numpys() -> Pool:
    """The threads of NumPy's BLAS; one if their number cannot be set."""
    pool = Pool(*_numpys_controls())
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=pool.reset)  # the child has no other threads
    return pool


def _numpys_controls() -> _Controls:
    """The controls of NumPy's BLAS."""
    for library in blas.libraries():
        ask, give = (blas.openblas(library, f"{do}_num_threads") for do in ("get", "set"))
        if ask and give:
            return _Controls(ask, give)
        if getattr(library, "MKL_Set_Num_Threads", None):
            return _Controls(library.MKL_Get_Max_Threads, library.MKL_Set_Num_Threads)
    return _Controls(lambda: 1, lambda count: None)
