"""POST /predict: from a request to its answer."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, NamedTuple

from xpnet.errors import XpnetError
from xpnet.serve.answers import Answers
from xpnet.serve.asgi import Receive, Scope, Send, header, send_answer
from xpnet.serve.batcher import Batcher
from xpnet.serve.counters import Counters
from xpnet.serve.csv_request import read_csv_body
from xpnet.serve.held_rows import HeldRows
from xpnet.serve.json_request import Form, read_json
from xpnet.serve.limits import Limits
from xpnet.serve.negotiation import CSV, JSON, answer_form, request_form
from xpnet.serve.refusal import Refusal
from xpnet.serve.request_body import Bodies, Disconnected
from xpnet.serve.served import Encoded, Served

__all__ = ["Predicting"]

_LOG = logging.getLogger("xpnet.serve")
_SMALL = 1 << 14  # bytes or numbers that take less than about a millisecond


class _Request(NamedTuple):
    """A request that has been read."""

    form: Form
    encoded: Encoded


class Predicting:
    """The ASGI application for predictions.

    Small requests are read and answered in the event loop, large ones in a separate thread.

    Parameters
    ----------
    served : Served
    limits : Limits

    Attributes
    ----------
    batcher : Batcher
    counters : Counters
    """

    def __init__(self, served: Served, limits: Limits) -> None:
        self._served, self._limits = served, limits
        self._names = frozenset(column.name for column in served.description.columns)
        self._bodies, self._held = Bodies(limits), HeldRows(limits.waiting_bytes)
        self._answers = Answers(served.description.classes)
        self._answer_bytes = 8 * len(served.description.classes or [0])  # of each row
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="xpnet-serve")
        self.batcher, self.counters = Batcher(served.predict, limits), Counters()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        start = perf_counter()
        try:
            rows, kind, body = await self._answer(scope, receive)
            status, headers = 200, {"content-type": kind}
        except Disconnected:
            return
        except Exception as error:
            refusal = error if isinstance(error, Refusal) else _failure()
            rows, status, headers, body = 0, refusal.status, refusal.headers, refusal.body
        await send_answer(send, status, headers, body)
        self.counters.answered(status, perf_counter() - start, rows)

    def warm_up(self) -> None:
        """Prepare for the first requests."""
        example = self._served.description.example
        self.batcher.warm_up(self._served.encode_rows([example]).rows)

    def close(self) -> None:
        """Finish what is computed, and end the threads."""
        self.batcher.close()
        self._beside.shutdown()

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, str, bytes]:
        """The number of rows, and the answer's content type and body."""
        asked = request_form(header(scope, b"content-type"), header(scope, b"content-encoding"))
        wanted = answer_form(header(scope, b"accept"), asked)
        request = await self._received(scope, receive, asked)
        encoded = request.encoded
        found = await self._predicted(encoded)
        if wanted == CSV:
            return (
                len(found),
                f"{CSV}; charset=utf-8",
                await self._do(found.size, self._answers.csv, found),
            )
        answer = self._answers.json
        return (
            len(found),
            JSON,
            await self._do(found.size, answer, found, request.form, encoded.warnings),
        )

    async def _received(self, scope: Scope, receive: Receive, asked: str) -> _Request:
        """Read a request; its body does not stay in memory."""
        async with self._bodies.read(scope, receive) as body:
            request: _Request = await self._do(len(body), self._read, asked, body)
            return request

    def _read(self, asked: str, body: bytes) -> _Request:
        """Check and encode a request's rows."""
        if asked == CSV:
            columns: Mapping[str, Any] = read_csv_body(body, self._served.header)
            return _Request("rows", self._columns(columns))
        form, data = read_json(body, self._names)
        if form == "columns":
            return _Request(form, self._columns(data))
        self._check_count(len(data))
        return _Request(form, self._served.encode_rows(data))

    def _columns(self, columns: Mapping[str, Any]) -> Encoded:
        self._check_count(len(next(iter(columns.values()))))
        return self._served.encode_columns(columns)

    def _check_count(self, rows: int) -> None:
        if not rows:
            raise Refusal(400, "expected at least one row, got none.")
        if rows > self._limits.max_rows:
            raise Refusal(
                413,
                f"expected at most {self._limits.max_rows:,} rows, got {rows:,}: send them in "
                "several requests, or start the server with a larger --max-rows.",
            )

    async def _predicted(self, encoded: Encoded) -> Any:
        rows = encoded.rows
        size = rows.nbytes + len(rows) * self._answer_bytes
        self._held.take(size)
        try:
            return await self.batcher(rows)
        except XpnetError as error:  # the rows are not what the network takes
            raise Refusal(400, str(error)) from None
        finally:
            self._held.give_back(size)

    async def _do(self, size: int, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function; in a thread, if that could take long."""
        if size <= _SMALL:
            return function(*arguments)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._beside, lambda: function(*arguments))


def _failure() -> Refusal:
    """The answer where a bug is the reason, which only the log gets."""
    _LOG.exception("a request failed")
    return Refusal(500, "the request failed; the server's log says why.")
