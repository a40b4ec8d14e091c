"""Signals that end a fit in an orderly way: after its current step."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from xpnet.parallel.agreement import Agreement

__all__ = ["Interrupts", "passed_on"]

# SIGINT is put back last: its handler may raise an exception.
_USUAL: dict[int, Any] = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}


class _Shared:
    """What the fits of the main thread share, those in callbacks of others included."""

    def __init__(self) -> None:
        self.fits: list[Interrupts] = []
        self.before: dict[int, Any] = {}
        self.late: list[int] = []  # signals that came while the handlers were put back
        self.terminated, self.depth = False, 0


_shared = _Shared()


class Interrupts:
    """Notes SIGINT (Ctrl-C) and SIGTERM in a fit; a second one has its usual effect.

    Your own handlers, and threads other than the main one, are left alone. A fit in a callback of
    another notes the signal too, so both end.

    Attributes
    ----------
    received : str or None
        Name of the signal that was received.
    ending : bool
        Whether the handlers are being put back. A signal then waits until they are.
    agreement : Agreement or None
        What the processes of a distributed fit decide together; None if there is one process.
    """

    def __init__(self, agreement: Agreement | None = None) -> None:
        self.received: str | None = None
        self.ending, self.agreement = False, agreement

    def begin(self) -> None:
        """Note signals until `end`, which is to be called even if an exception ends this."""
        if threading.current_thread() is not threading.main_thread():
            return
        fits = _shared.fits
        fits[:] = [fit for fit in fits if not fit.ending]
        self.received = next((fit.received for fit in fits if fit.received), None)
        fits.append(self)
        for number, usual in _USUAL.items():
            if len(fits) == 1 and signal.getsignal(number) in (usual, _note):
                _shared.before[number] = usual  # known before it changes
                signal.signal(number, _note)

    def end(self) -> None:
        """Put the handlers back; signals that came meanwhile have their usual effect then.

        If an exception of another signal's handler cuts it short, call it again.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        self.ending = True
        if all(fit.ending for fit in _shared.fits):
            _put_back()
        if self in _shared.fits:
            _shared.fits.remove(self)
        while _shared.late:
            signal.raise_signal(_shared.late.pop())


def _put_back() -> None:
    for number, handler in _shared.before.items():
        if signal.getsignal(number) is _note:
            signal.signal(number, handler)
    _shared.before = {}


def _note(number: int, frame: Any) -> None:
    fit = _shared.fits[-1] if _shared.fits else None
    if fit is not None and fit.ending and number not in _shared.late:
        _shared.late.append(number)
    elif fit is None or fit.ending or fit.received is not None:
        signal.signal(number, _USUAL[number])
        signal.raise_signal(number)
    else:
        _note_first(number)


def _note_first(number: int) -> None:
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
