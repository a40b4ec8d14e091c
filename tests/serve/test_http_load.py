"""The clients of the load test: every request is made and counted."""

import asyncio
from collections import Counter

import pytest

http_load = pytest.importorskip("http_load", reason="there are no benchmarks beside the tests")

REQUEST = b"GET / HTTP/1.1\r\n\r\n"


async def answer(reader, writer):
    """Answer each request of a connection in two pieces; the second one is refused."""
    number = 0
    while await reader.read(len(REQUEST)):
        number += 1
        status = b"503 No" if number == 2 else b"200 OK"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 4\r\n\r\nab")
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(b"cd")
    writer.close()
    await writer.wait_closed()


def run(clients):
    async def main():
        done = []

        async def connected(reader, writer):
            done.append(asyncio.current_task())
            await answer(reader, writer)

        async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            found = await clients(host, port)
            await asyncio.gather(*done, return_exceptions=True)
            return found

    return asyncio.run(main())


@pytest.mark.smoke
def test_requests_at_a_rate():
    found = run(lambda *at: http_load.at_a_rate(*at, REQUEST, 2, 1000, 0.05))
    assert found.statuses == Counter({200: 48, 503: 2})
    assert len(found.latencies) == 50
    assert min(found.latencies) > 0
    assert found.rate == 50 / found.seconds


def test_requests_in_turn():
    found = run(lambda *at: http_load.in_turn(*at, REQUEST, 3, 0.02))
    assert found.statuses[503] <= 3
    assert sum(found.statuses.values()) == len(found.latencies) >= 3


def test_percentiles():
    found = http_load.Measured(1.0, [0.004, 0.001, 0.003, 0.002])
    assert [found.percentile(share) for share in (0, 0.5, 0.99, 1)] == [1, 3, 4, 4]
