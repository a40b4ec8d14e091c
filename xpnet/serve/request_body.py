"""A request's body: read within limits of size, of memory and of time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from xpnet.serve.asgi import Receive, Scope, header
from xpnet.serve.limits import Limits
from xpnet.serve.refusal import Refusal

__all__ = ["Bodies", "Disconnected"]


class Disconnected(Exception):
    """The client is gone."""


class Bodies:
    """Reads bodies, and knows how many bytes of them are in memory.

    Parameters
    ----------
    limits : Limits

    Attributes
    ----------
    held : int
        Bytes of bodies in memory.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.held = 0

    @asynccontextmanager
    async def read(self, scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
        """Read a request's body, which counts as held until the context ends.

        Raises
        ------
        Refusal
            413 if it is too large, 408 if it comes too slowly, 503 if too many are held.
        Disconnected
            If the client closes the connection.
        """
        length = header(scope, b"content-length")
        if length is not None and length.isdecimal() and float(length) > self._limits.max_bytes:
            raise self._large(f"{float(length):,.0f}")
        parts: list[bytes] = []
        try:
            try:
                async with asyncio.timeout(self._limits.timeout):
                    while await self._part(receive, parts):
                        pass
            except TimeoutError:
                raise self._slow() from None
            yield parts[0] if len(parts) == 1 else b"".join(parts)
        finally:
            self.held -= sum(map(len, parts))

    async def _part(self, receive: Receive, parts: list[bytes]) -> bool:
        """Read the next part; whether more follow."""
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        parts.append(part)
        self.held += len(part)
        if len(part) > self._limits.max_bytes or sum(map(len, parts)) > self._limits.max_bytes:
            raise self._large("more")
        if self.held > self._limits.held_bytes:
            raise Refusal(
                503,
                "the server is reading too many large requests: try again later.",
                headers={"retry-after": "1"},
            )
        return bool(message.get("more_body", False))

    def _large(self, got: str) -> Refusal:
        return Refusal(
            413,
            f"expected a body of at most {self._limits.max_bytes:,} bytes, got {got}: send the "
            "rows in several requests, or start the server with a larger --max-bytes.",
        )

    def _slow(self) -> Refusal:
        return Refusal(
            408,
            f"the body did not arrive within {self._limits.timeout:g} s.",
            headers={"connection": "close"},
        )
