"""Clients of a server: connections that are kept open, and requests at a fixed rate or in turn."""

from __future__ import annotations

import asyncio
import re
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass
class Measured:
    """What a run measured.

    Attributes
    ----------
    seconds : float
        Its length.
    latencies : list of float
        Seconds from when a request was due to the end of its answer.
    statuses : Counter
        How many answers had each HTTP status.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency, in milliseconds, that this share of the requests did not exceed."""
        ordered = sorted(self.latencies)
        return 1e3 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class Connection(asyncio.Protocol):
    """A connection that makes one request after the other."""

    def __init__(self, answered: Callable[[Connection, int, float], None]) -> None:
        self._answered = answered
        self._buffer = b""
        self._due = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def request(self, request: bytes, due: float) -> None:
        """Send a request that was due at this time."""
        assert self._transport is not None
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = _LENGTH.search(head)
        if length is None or len(body) < int(length[1]):
            return
        self._buffer = b""
        self._answered(self, int(head[9:12]), perf_counter() - self._due)

    def close(self) -> None:
        assert self._transport is not None
        self._transport.abort()


async def at_a_rate(
    host: str, port: int, request: bytes, connections: int, rate: float, seconds: float
) -> Measured:
    """Requests that are due at a fixed rate, whether or not earlier ones have been answered.

    One that finds no free connection waits, and its latency counts from when it was due.
    """
    measured = Measured()
    free: deque[Connection] = deque()
    late: deque[float] = deque()

    def answered(connection: Connection, status: int, latency: float) -> None:
        measured.statuses[status] += 1
        measured.latencies.append(latency)
        if late:
            connection.request(request, late.popleft())
        else:
            free.append(connection)

    opened = await _opened(host, port, connections, answered)
    free.extend(opened)
    start, count, total = perf_counter(), 0, int(rate * seconds)
    while count < total:
        while count < total and start + count / rate <= perf_counter():
            due = start + count / rate
            count += 1
            if free:
                free.popleft().request(request, due)
            else:
                late.append(due)
        await asyncio.sleep(max(0.0, start + count / rate - perf_counter()))
    while len(free) < connections:
        await asyncio.sleep(0.01)
    measured.seconds = perf_counter() - start
    for connection in opened:
        connection.close()
    return measured


async def in_turn(
    host: str, port: int, request: bytes, connections: int, seconds: float
) -> Measured:
    """Each connection makes its next request when it has the answer to the last one."""
    measured = Measured()
    start = perf_counter()
    done = asyncio.Event()
    running = connections

    def answered(connection: Connection, status: int, latency: float) -> None:
        nonlocal running
        measured.statuses[status] += 1
        measured.latencies.append(latency)
        now = perf_counter()
        if now - start < seconds:
            connection.request(request, now)
        else:
            running -= 1
            if not running:
                done.set()

    opened = await _opened(host, port, connections, answered)
    for connection in opened:
        connection.request(request, perf_counter())
    await done.wait()
    measured.seconds = perf_counter() - start
    for connection in opened:
        connection.close()
    return measured


async def _opened(
    host: str, port: int, count: int, answered: Callable[[Connection, int, float], None]
) -> list[Connection]:
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Connection(answered), host, port) for _ in range(count)
    ]
    return [protocol for _, protocol in made]
