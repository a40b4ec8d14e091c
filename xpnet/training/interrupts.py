"""Signals that end a fit in an orderly way: after its current step."""

import logging
import signal
import threading
from typing import Any

__all__ = ["Interrupts"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Notes SIGINT (Ctrl-C) and SIGTERM inside a ``with``; a second one has its usual effect.

    Your own handlers, and threads other than the main one, are left alone.

    Attributes
    ----------
    received : str or None
        Name of the signal that was received.
    """

    def __init__(self) -> None:
        self.received: str | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            usual = (signal.default_int_handler, signal.SIG_DFL)
            for number in _SIGNALS:
                if signal.getsignal(number) in usual:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        self._put_back()

    def _put_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, frame: Any) -> None:
        self.received = signal.Signals(number).name
        self._put_back()
        logging.getLogger("xpnet").warning(
            "%s: training ends after this step; the same signal again stops at once.",
            self.received,
        )
