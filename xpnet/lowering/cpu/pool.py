"""The threads of a BLAS: their number, temporary limits, and turns with a fixed number.

A BLAS has one number of threads for the whole process, and rounding depends on it. So programs that
need different numbers take turns; programs that need the same number run together.

A signal's handler may raise an exception in the middle of this code. Python runs handlers, and
other threads, only at the start of a Python function, after a call, and at the end of a loop's
body. So lines without these are never cut in half, and a call of a C function is complete before a
handler runs. `Pool.run` restores the number by such lines alone. `_give` keeps the interpreter's
lock.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import cache
from threading import Lock, get_ident
from types import MappingProxyType
from typing import Any, TypeVar

from xpnet.lowering.cpu import blas

__all__ = ["Pool", "numpys"]

_R = TypeVar("_R")
_FLOATS: ContextVar[Any] = getattr(
    sys.modules.get("numpy._core.umath"), "_extobj_contextvar", ContextVar("none", default=None)
)
"""What `numpy.errstate` sets."""


class Pool:
    """The threads of a library, in the whole process.

    Parameters
    ----------
    ask : callable
        Returns the number of threads.
    give : callable
        Sets the number of threads.

    Attributes
    ----------
    limits : dict of int to int
        The limit of each Python thread that has one.
    """

    def __init__(self, ask: Callable[[], int], give: Callable[[int], object]) -> None:
        self._ask, self._give = ask, give
        self._before = self._now = 1  # the number without limits and turns, and now
        self._start()

    def _start(self) -> None:
        self.limits: dict[int, int] = {}
        self._running: dict[int, int] = {}  # the Python threads in a turn
        self._gate: Any = None  # held while others wait for the turns to end
        self._changes = 0  # of limits

    def reset(self) -> None:
        """Return to the state of a new process: no limits, no turns, all threads."""
        self._start()
        if self._now != self._before:
            self._now = self._before
            self._give(self._before)

    @property
    def count(self) -> int:
        """The number of threads without limits."""
        self._look()
        return self._before

    def limited(self, count: int) -> AbstractContextManager[None]:
        """At most `count` threads between turns; the earlier number is restored afterwards.

        Several Python threads may have limits at once. The lowest applies, and the original
        number is restored after the last.
        """
        return _Limit(self, count)

    def turn(self, count: int | None) -> AbstractContextManager[None]:
        """Exactly `count` threads, or all for None. Waits while others run with another number.

        Code in a turn must not wait for another Python thread.
        """
        return _Turn(self, count)

    def run(
        self,
        function: Callable[..., _R],
        first: Any,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] = MappingProxyType({}),
    ) -> _R:
        """Call ``function(first, *args, **kwargs)``; limits and turns that it leaves end with it.

        After an exception, NumPy's treatment of floating-point errors is restored, too.
        """
        me, limits, running, floats = get_ident(), self.limits, self._running, _FLOATS.get()
        outer = limits.get(me) if limits else None
        try:
            return function(first, *args, **kwargs)
        except BaseException:
            _FLOATS.set(floats)
            raise
        finally:  # straight lines, see above
            if outer is not None:
                limits[me] = outer
            elif me in limits:
                del limits[me]
            if me in running:
                del running[me]
            try:
                if self._now != self._before and not (self._running or self.limits):
                    self._now = self._before
                    self._give(self._before)
            finally:
                if self._gate is not None and not self._running:
                    gate, self._gate = self._gate, None
                    gate.release()

    # --- limits -----------------------------------------------------------------------------------

    def limit(self, me: int, count: int | None) -> None:
        """Set the limit of this Python thread; None for no limit."""
        self._look()
        self._changes += 1
        if count is None:
            self.limits.pop(me, None)
        else:
            self.limits[me] = count
        self._follow()

    def _follow(self) -> None:
        """Set the number that the limits allow, unless a turn has another."""
        if self._running:
            return
        if not self.limits:
            if self._now != self._before:
                self._now = self._before
                self._give(self._before)
            return
        changes = self._changes
        wanted = min([*self.limits.values(), self._before])
        if changes == self._changes and not self._running and self._now != wanted:
            self._now = wanted
            self._give(wanted)

    def _look(self) -> None:
        """Ask for the number of threads, which others may change while there are no limits here.

        After the last limit or turn, the number is that without limits only when it is restored.
        """
        if not (self._running or self.limits) and self._now == self._before:
            found = self._ask()
            if not (self._running or self.limits) and self._now == self._before:
                self._before = self._now = found

    # --- turns ------------------------------------------------------------------------------------

    def enter(self, me: int, count: int | None) -> None:
        """Begin a turn of this Python thread."""
        self._running.pop(me, None)  # left by a turn that a signal interrupted
        waited = False
        while True:
            self._look()
            most = self._before
            wanted = most if count is None or count > most else count
            alike = self._now == wanted and (waited or self._gate is None)
            if alike or not self._running:
                self._running[me] = wanted
                if self._now != wanted:
                    self._now = wanted
                    self._give(wanted)
                return
            self._wait()
            waited = True

    def _wait(self) -> None:
        """Wait until the turns have ended, or return at once if they just did."""
        gate = self._gate
        if gate is None:
            gate = Lock()
            gate.acquire()
            if self._gate is not None or not self._running:
                return
            self._gate = gate
        with gate:  # each thread that waits opens it for the next
            pass

    def leave(self, me: int) -> None:
        """End the turn of this Python thread."""
        self._running.pop(me, None)
        try:
            self._follow()
        finally:
            if self._gate is not None and not self._running:
                gate, self._gate = self._gate, None
                gate.release()


class _Limit(AbstractContextManager[None]):
    """A limit. A class, because a generator would take three times as long."""

    def __init__(self, pool: Pool, count: int) -> None:
        self._pool, self._count = pool, count

    def __enter__(self) -> None:
        me = get_ident()
        self._outer = outer = self._pool.limits.get(me)
        self._pool.limit(me, self._count if outer is None else min(outer, self._count))

    def __exit__(self, *_: object) -> None:
        self._pool.limit(get_ident(), self._outer)


class _Turn(AbstractContextManager[None]):
    """A turn. Several Python threads may enter it repeatedly and at once."""

    def __init__(self, pool: Pool, count: int | None) -> None:
        self._pool, self._count = pool, count

    def __enter__(self) -> None:
        pool, count, me = self._pool, self._count, get_ident()
        # Every step of a fit comes here; the fit's limit has set the number.
        if count is not None and pool._now == count and pool.limits and pool._gate is None:
            pool._running[me] = count
            return
        try:
            pool.enter(me, count)
        except BaseException:  # Ctrl-C
            pool.leave(me)
            raise

    def __exit__(self, *_: object) -> None:
        self._pool.leave(get_ident())


@cache
def numpys() -> Pool:
    """The threads of NumPy's BLAS; one if their number cannot be set."""
    pool = Pool(*_numpys_controls())
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=pool.reset)  # the child has no other threads
    return pool


def _numpys_controls() -> tuple[Callable[[], int], Callable[[int], object]]:
    """The functions that ask NumPy's BLAS for its number of threads, and set it."""
    for library in blas.libraries():
        ask, give = (blas.openblas(library, f"{do}_num_threads") for do in ("get", "set"))
        if ask and give:
            return _locked(ask), _locked(give, ctypes.c_int)
        if getattr(library, "MKL_Set_Num_Threads", None):
            give = _locked(library.MKL_Set_Num_Threads, ctypes.c_int)
            return _locked(library.MKL_Get_Max_Threads), give
    return (lambda: 1), (lambda count: None)


def _locked(function: Any, *kinds: Any) -> Any:
    """The function, called without releasing the interpreter's lock."""
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return ctypes.PYFUNCTYPE(ctypes.c_int, *kinds)(address)
