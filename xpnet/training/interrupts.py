"""Signals that end a fit in an orderly way: after its current step."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Interrupts", "passed_on"]

_USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


class _Shared:
    """What the fits of the main thread share, those in callbacks of others included."""

    def __init__(self) -> None:
        self.fits: list[Interrupts] = []
        self.before: dict[int, Any] = {}
        self.terminated, self.depth = False, 0


_shared = _Shared()


class Interrupts:
    """Notes SIGINT (Ctrl-C) and SIGTERM inside a ``with``; a second one has its usual effect.

    Your own handlers, and threads other than the main one, are left alone. A fit in a callback of
    another notes the signal too, so both end.

    Attributes
    ----------
    received : str or None
        Name of the signal that was received.
    """

    def __init__(self) -> None:
        self.received: str | None = None

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            self.received = next((fit.received for fit in _shared.fits if fit.received), None)
            _shared.fits.append(self)
            for number, usual in _USUAL.items():
                if len(_shared.fits) == 1 and signal.getsignal(number) == usual:
                    _shared.before[number] = signal.signal(number, _note)
        return self

    def __exit__(self, *error: object) -> None:
        if self in _shared.fits:
            _shared.fits.remove(self)
            if not _shared.fits:
                _put_back()


def _put_back() -> None:
    for number, handler in _shared.before.items():
        signal.signal(number, handler)
    _shared.before = {}


def _note(number: int, frame: Any) -> None:
    name = signal.Signals(number).name
    for fit in _shared.fits:
        fit.received = name
    _shared.terminated |= number == signal.SIGTERM
    _put_back()
    logging.getLogger("xpnet").warning(
        "%s: training ends after this step; the same signal again stops at once.", name
    )


@contextmanager
def passed_on() -> Iterator[None]:
    """Raise SIGTERM again after the body, if a fit in it noted one: it ends the process.

    Of several that are nested, the outermost does so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _shared.depth += 1
    try:
        yield
    finally:
        _shared.depth -= 1
        if not _shared.depth and _shared.terminated:
            _shared.terminated = False
            signal.raise_signal(signal.SIGTERM)
