"""Names that requests may use for the server: a page of another site may not reach it by its own.

DNS rebinding lets a browser take another site's name for an address of this machine. The header
``Host`` then has that name.
"""

import re
import socket
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from xpnet.errors import ArgumentError
from xpnet.serve.asgi import Receive, Scope, Send, header, send_answer
from xpnet.serve.refusal import Refusal
from xpnet.serve.wording import quoted

__all__ = ["HostCheck", "checked_hosts", "hosts_of"]

_HOST = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[\w-]+(?:\.[\w-]+)*)\.?(?::[0-9]*)?")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class HostCheck:
    """An ASGI application that refuses requests for other hosts with status 400.

    (Starlette's TrustedHostMiddleware answers in plain text, and in older versions knows no
    addresses of IPv6.)

    Parameters
    ----------
    app : ASGI application
        It answers all others.
    hosts : sequence of str
        From `checked_hosts`.
    """

    def __init__(self, app: Any, hosts: Sequence[str]) -> None:
        self._app, self._hosts = app, hosts
        self._known = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http" or _name(header(scope, b"host") or "") in self._known:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(header(scope, b"host"))
        await send_answer(send, refusal.status, refusal.headers, refusal.body)

    def _refusal(self, given: str | None) -> Refusal:
        found = "no header Host" if given is None else f"the header Host has {quoted(given)}"
        return Refusal(
            400,
            f"{found}, but this server answers to {', '.join(self._hosts)}. Use one of "
            "these, or start the server with --allow-host NAME.",
        )


def hosts_of(listener: socket.socket, host: str, allowed: Sequence[str]) -> Sequence[str] | None:
    """The hosts that a server accepts; None for any.

    Parameters
    ----------
    listener : socket
        Bound to a loopback address, it accepts the names of that too.
    host : str
        What `listener` was bound to, as the user named it.
    allowed : sequence of str
        Further names.
    """
    address = listener.getsockname()[0]
    found = ip_address(address)
    if (getattr(found, "ipv4_mapped", None) or found).is_loopback:
        return [*_LOOPBACK, address, host, *allowed]
    return allowed or None


def checked_hosts(hosts: Iterable[str]) -> list[str]:
    """Hosts as `HostCheck` compares them: without ports, in lower case, IPv6 in brackets.

    Raises
    ------
    ArgumentError
        If one cannot be a host.
    """
    return list(dict.fromkeys(map(_checked, hosts)))


@lru_cache(maxsize=64)
def _name(host: str) -> str:
    """A host without its port and a dot at its end, in lower case; empty if it is none."""
    match = _HOST.fullmatch(host)
    return "" if match is None else match[1].lower()


def _checked(host: str) -> str:
    name = _name(f"[{host}]" if host.count(":") > 1 and "[" not in host else host)
    if not name:
        raise ArgumentError(
            f"expected the name of a host, such as models.example.org or 127.0.0.1, got {host!r}."
        )
    return name
