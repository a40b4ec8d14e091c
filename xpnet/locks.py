"""Locks that are free in a forked process, and whole states behind them.

A process that forks takes the locks first, so that its child finds no state half changed. It does
not wait longer than `_PATIENCE` for a model that another thread uses. The child has no other
threads, so all its locks are free.
"""

import os
from _thread import get_ident
from threading import RLock
from time import monotonic
from typing import Any
from weakref import ref

__all__ = ["COMPILING", "MODEL", "OUTER", "reentrant"]

OUTER, MODEL, COMPILING = range(3)
"""The order in which threads take locks: one that is held does not wait for an earlier kind."""

_PATIENCE = 5.0  # seconds; a first step compiles for up to a second
_LOCKS: list[set[Any]] = [set(), set(), set()]  # weak references, by kind
_TAKEN: dict[int, list[Any]] = {}  # by the thread that forks


def reentrant(kind: int) -> Any:
    """A lock of a kind; the thread that holds it may take it again.

    A ``with`` takes and releases it in one step each, so that no signal comes in between.
    """
    lock: Any = RLock()
    known = _LOCKS[kind]
    known.add(ref(lock, known.discard))
    return lock


def _all(*kinds: int) -> list[Any]:
    """All locks of these kinds."""
    return [lock for kind in kinds for found in [*_LOCKS[kind]] if (lock := found()) is not None]


def _take() -> None:
    taken = _TAKEN[get_ident()] = []
    end = monotonic() + _PATIENCE
    for lock in _all(OUTER, MODEL):
        if lock.acquire(timeout=max(0.0, end - monotonic())):
            taken.append(lock)  # noqa: PERF401 -- known at once if something fails
    for lock in _all(COMPILING):  # its holder waits for nothing, and LLVM's own lock must be free
        lock.acquire()
        taken.append(lock)


def _give() -> None:
    for lock in _TAKEN.pop(get_ident(), ()):
        lock.release()


def _free() -> None:
    taken = _TAKEN.pop(get_ident(), [])
    _TAKEN.clear()
    for lock in taken:
        lock.release()
    for lock in _all(OUTER, MODEL, COMPILING):
        if not lock._is_owned():  # else the code that forked will release it
            lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_take, after_in_parent=_give, after_in_child=_free)
