"""The threads that share programs; a process starts them when a program first needs them.

The Python thread that calls a program is one of its threads. So a program never depends on the
others. While another Python thread uses them, or after a fork, the calling thread runs all parts
alone, with the same results.
"""

import atexit
import ctypes
import os
from collections.abc import Callable
from functools import cache
from threading import RLock, Thread
from typing import Any

import numpy as np

from xpnet.lowering.cpu.jit import compiled
from xpnet.lowering.cpu.thread_count import available
from xpnet.lowering.cpu.worker_code import LINE, WORDS, Word, code

__all__ = ["Workers", "prepare", "workers"]

_POINTER, _I64 = ctypes.c_void_p, ctypes.c_int64
_START, _SERVE = (_POINTER, _POINTER, _I64, _I64, _I64), (_POINTER, _I64)
_PATIENCE = 1.0  # seconds


def _posix(name: str) -> int:
    """The address of a function in the system's C library."""
    found = ctypes.cast(getattr(ctypes.CDLL(None), name), _POINTER).value
    assert found is not None
    return found


@cache
def _function(name: str, *kinds: Any) -> Callable[..., None]:
    """One of the compiled functions of `worker_code`; Python runs other threads during a call."""
    made: Callable[..., None] = ctypes.CFUNCTYPE(None, *kinds)(compiled(code(), name))
    return made


def prepare() -> None:
    """Compile what runs programs, before there are any."""
    for name, kinds in (("start", _START), ("serve", _SERVE)):
        _function(name, *kinds)


class _Words:
    """The words that threads share; see `worker_code.Word`."""

    def __init__(self) -> None:
        memory = np.zeros(WORDS + LINE, dtype=np.int64)
        start = -memory.ctypes.data % 64 // 8
        self._words = memory[start : start + WORDS]
        self.address = self._words.ctypes.data
        self._words[Word.POSITION] = 1
        if available():
            self._locks = np.zeros(96, dtype=np.int64)  # room for the three objects on any system
            mutex = self._locks.ctypes.data
            condition, idle = mutex + 256, mutex + 512
            for make, place in (("mutex", mutex), ("cond", condition), ("cond", idle)):
                getattr(ctypes.CDLL(None), f"pthread_{make}_init")(_POINTER(place), None)
            names = "mutex_lock", "mutex_unlock", "cond_wait", "cond_broadcast"
            functions = [_posix(f"pthread_{name}") for name in names]
            self._words[Word.MUTEX : Word.CLOSED] = [
                *(mutex, condition, *functions),
                _posix("sched_yield"),
            ]
            self._words[Word.IDLE] = idle


class _Thread(Thread):
    """A thread that runs `serve` and keeps the words alive."""

    def __init__(self, serve: Callable[..., None], words: _Words, index: int) -> None:
        super().__init__(name=f"xpnet-{index}", daemon=True)
        self._serve, self._served, self._index = serve, words, index

    def run(self) -> None:
        self._serve(self._served.address, self._index)


class Workers:
    """Threads that take part in programs, and the words that they share."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start over without threads, as a forked process must."""
        self._words, self._threads = _Words(), list[Thread]()
        # Re-entrant: a signal between acquire and release does not lock out the main thread.
        self._busy, self._alone = RLock(), list[_Words]()

    def run(self, program: int, parts: int, width: int, steps: int = 1) -> None:
        """Run the program at this address `steps` times.

        Parameters
        ----------
        program : int
            The address of its table; see `SharedProgram`.
        parts : int
            Parts per stage.
        width : int
            The most threads that take part.
        """
        start = _function("start", *_START)
        if width > 1 and self._shared(start, program, parts, width, steps):
            return
        words = self._alone.pop() if self._alone else _Words()
        start(words.address, program, parts, 1, steps)
        self._alone.append(words)

    def _shared(self, start: Callable[..., None], *numbers: int) -> bool:
        """Run a program with the threads; False while another Python thread uses them."""
        busy, (_, _, width, _) = self._busy, numbers
        try:  # a signal may come between `acquire` and the next line
            if not busy.acquire(blocking=False):
                return False
            if len(self._threads) < width - 1:
                self._more(width - 1)
            start(self._words.address, *numbers)
            return True
        finally:
            try:  # noqa: SIM105 -- `suppress` is a Python function, where a signal may come
                busy.release()
            except RuntimeError:  # another thread's
                pass

    def _more(self, count: int) -> None:
        """Start threads until there are `count`, or the system refuses; fewer also work."""
        serve = _function("serve", *_SERVE)
        while len(self._threads) < count:
            index = len(self._threads) + 1
            thread = _Thread(serve, self._words, index)
            self._threads.append(thread)  # first, so that `close` knows it after a signal
            try:
                thread.start()
            except RuntimeError:  # too many, or the interpreter is about to exit
                self._threads.pop()
                return

    def close(self) -> None:
        """End the threads; the next program starts new ones.

        Leave them alone if a program still holds the lock after a second, or if Ctrl-C came before
        its release: the process must be able to end.
        """
        busy = self._busy
        if not busy.acquire(timeout=_PATIENCE):
            return
        if self._threads:
            _function("close", _POINTER)(self._words.address)
            for thread in self._threads:
                if thread.ident is not None:  # it was started
                    thread.join()
        self.reset()  # with a new lock
        busy.release()


@cache
def workers() -> Workers:
    """The workers of this process."""
    found = Workers()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=found.reset)  # the child has no other threads
    atexit.register(found.close)
    return found
