"""Running the application: a socket, uvicorn, and an end without an error."""

import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from xpnet.errors import ArgumentError
from xpnet.optional import require
from xpnet.serve.limits import Limits
from xpnet.serve.slow_clients import patient_protocol

__all__ = ["address", "listen", "run"]

_STOPS = (signal.SIGINT, signal.SIGTERM)
_BACKLOG = 1024  # connections that wait to be accepted
_CONNECTIONS = 1000  # more are refused with status 503
_IDLE = 60  # seconds for which a connection without a request stays open
_GRACE = 5.0  # seconds more than a request's body may take, for requests that run at the end


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises
    ------
    ArgumentError
        If the address cannot be used; the message says why.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise ArgumentError(
            f"--host {host}: {error}. Use 127.0.0.1, or 0.0.0.0 for all addresses."
        ) from error
    try:
        if os.name == "posix":  # elsewhere, it would share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ArgumentError(
            f"{host}, port {port} cannot be used: {error.strerror}. Choose another with --port."
        ) from error
    return listener


def address(listener: socket.socket) -> str:
    """The URL of a socket that listens."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: Any, listener: socket.socket, limits: Limits, *, log: bool = False) -> None:
    """Answer requests until SIGINT or SIGTERM; requests that run then are answered first.

    Parameters
    ----------
    app : ASGI application
    listener : socket
        From `listen`; closed at the end.
    limits : Limits
    log : bool, default False
        Whether to write a line for each request to standard error.
    """
    uvicorn: Any = require("uvicorn", "serve", "serving a model")
    config = uvicorn.Config(
        app,
        http=patient_protocol(limits.timeout),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=log,
        log_level="info" if log else "error",
        server_header=False,
        backlog=_BACKLOG,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=int(limits.timeout + _GRACE),
    )
    if log:
        logging.getLogger("uvicorn.access").addHandler(logging.StreamHandler())
    server = uvicorn.Server(config)
    with _stopping(lambda: setattr(server, "should_exit", True)):
        server.run([listener])


@contextmanager
def _stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Signals stop the server, and do nothing more: uvicorn raises them again at its end."""
    before = {number: signal.signal(number, lambda *_: stop()) for number in _STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
