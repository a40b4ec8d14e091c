"""Connections whose client sends or reads too slowly."""

import asyncio

import pytest
import uvicorn

from xpnet.serve.slow_clients import patient_protocol

LIMIT = 12.5  # seconds; no test waits for as long
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Transport(asyncio.Transport):
    """A transport whose buffer is as full as a test says."""

    def __init__(self):
        super().__init__()
        self.size, self.closed, self.sent = 100, False, b""

    def write(self, data):
        self.sent += data

    def get_write_buffer_size(self):
        return self.size

    def is_closing(self):
        return self.closed

    def abort(self):
        self.closed = True

    close = abort


class Loop:
    """The event loop, with a clock that a test moves on."""

    def __init__(self):
        self._loop = asyncio.get_running_loop()
        self._timers = []

    def __getattr__(self, name):
        return getattr(self._loop, name)

    def call_later(self, delay, function):
        timer = self._loop.call_later(3600, function)
        if delay == LIMIT:  # uvicorn has others
            self._timers.append((timer, function))
        return timer

    def limit_passes(self):
        due, self._timers = self._timers, []
        for timer, function in due:
            if not timer.cancelled():
                timer.cancel()
                function()


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


def run(test):
    async def main():
        config = uvicorn.Config(app, lifespan="off", log_config=None)
        config.load()
        state, loop, transport = uvicorn.server.ServerState(), Loop(), Transport()
        made = patient_protocol(LIMIT)
        protocol = made(config=config, server_state=state, app_state={}, _loop=loop)
        protocol.connection_made(transport)
        await test(protocol, transport, loop)
        protocol.connection_lost(None)
        await asyncio.gather(*state.tasks)

    asyncio.run(main())


@pytest.mark.smoke
def test_nothing_comes():
    async def test(protocol, transport, loop):
        loop.limit_passes()
        assert transport.closed

    run(test)


def test_a_header_comes_bit_by_bit():
    async def test(protocol, transport, loop):
        protocol.data_received(b"GET / HTTP/1.1\r\n")
        for _ in range(10):
            protocol.data_received(b"X: y\r\n")
        loop.limit_passes()
        assert transport.closed

    run(test)


def test_an_answer_may_take_longer():
    async def test(protocol, transport, loop):
        protocol.data_received(REQUEST)
        loop.limit_passes()
        while not transport.sent.endswith(b"done\r\n0\r\n\r\n"):
            await asyncio.sleep(0)
        assert not transport.closed
        protocol.data_received(REQUEST[:8])
        protocol.data_received(REQUEST[8:])
        loop.limit_passes()
        assert not transport.closed

    run(test)


def test_a_later_header_does_not_come():
    async def test(protocol, transport, loop):
        protocol.data_received(REQUEST)
        while not transport.sent.endswith(b"done\r\n0\r\n\r\n"):
            await asyncio.sleep(0)
        protocol.data_received(REQUEST[:8])
        loop.limit_passes()
        assert transport.closed

    run(test)


def test_an_answer_that_is_not_read():
    async def test(protocol, transport, loop):
        protocol.data_received(REQUEST)
        protocol.pause_writing()
        transport.size -= 10
        loop.limit_passes()
        assert not transport.closed
        loop.limit_passes()
        assert transport.closed

    run(test)


def test_an_answer_that_is_read_in_the_end():
    async def test(protocol, transport, loop):
        protocol.data_received(REQUEST)
        protocol.pause_writing()
        protocol.resume_writing()
        loop.limit_passes()
        assert not transport.closed

    run(test)
