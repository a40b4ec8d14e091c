"""Connections of clients that send or read too slowly are closed: uvicorn itself would wait."""

import asyncio
from collections.abc import Callable
from typing import Any

from xpnet.optional import require

__all__ = ["patient_protocol"]


def patient_protocol(limit: float) -> Any:
    """uvicorn's protocol for connections, with an end to waiting.

    A connection is closed if for `limit` seconds a request's header is not complete, the rest of a
    refused body does not end, or the client reads nothing of its answer. (The application limits
    the time for a body.)

    Parameters
    ----------
    limit : float
        Seconds.

    Returns
    -------
    type
        A subclass of `asyncio.Protocol`, for ``uvicorn.Config(http=...)``.
    """
    auto: Any = require("uvicorn.protocols.http.auto", "serve", "serving a model")
    return type("PatientProtocol", (_Patient, auto.AutoHTTPProtocol), {"limit": limit})


class _Timer:
    """Calls a function after a time, unless it is stopped before."""

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    @property
    def runs(self) -> bool:
        return self._handle is not None

    def start(self, loop: Any, seconds: float, function: Callable[[], None]) -> None:
        self._handle = loop.call_later(seconds, function)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class _Patient(asyncio.Protocol):
    """What is put before uvicorn's protocol."""

    limit: float
    loop: Any  # these three are uvicorn's
    transport: Any
    cycle: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._reading, self._writing = _Timer(), _Timer()
        super().connection_made(transport)
        self._watch_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._reading.stop()
        self._writing.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._reading.stop()  # a request is being answered
        elif not self._reading.runs:
            self._watch_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        self._writing.stop()
        super().resume_writing()

    def _watch_reading(self) -> None:
        self._reading.start(self.loop, self.limit, self.transport.abort)

    def _watch_writing(self) -> None:
        size = self.transport.get_write_buffer_size()
        self._writing.start(self.loop, self.limit, lambda: self._check_writing(size))

    def _check_writing(self, before: int) -> None:
        """Close the connection if nothing has been read since the last check."""
        if self.transport.get_write_buffer_size() >= before:
            self.transport.abort()
        else:
            self._watch_writing()
