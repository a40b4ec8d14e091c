"""`xpnet serve`: a saved model over HTTP."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xpnet import load
from xpnet.serve import Limits, address, application, hosts_of, listen, run

__all__ = ["serve"]

_LIMITS = ("max_bytes", "max_rows", "max_batch", "max_waiting", "timeout")
_THREADS = "XPNET_NUM_THREADS"


def serve(arguments: argparse.Namespace) -> None:
    """Serve a model until SIGINT or SIGTERM.

    Raises
    ------
    XpnetError
        For a model that cannot be loaded, or an address that cannot be used.
    """
    given = {name: getattr(arguments, name) for name in _LIMITS}
    chosen = {name: value for name, value in given.items() if value is not None}
    limits = Limits(**chosen, strict=arguments.strict)
    with _one_thread():
        model = load(arguments.model, arguments.backend)
        with listen(arguments.host, arguments.port) as listener:
            hosts = hosts_of(listener, arguments.host, arguments.allow_host)
            app = application(model, Path(arguments.model).stem, limits, hosts)
            print(f"Serving {arguments.model} at {address(listener)} (Ctrl-C stops it)", flush=True)
            run(app, listener, limits, log=arguments.log)


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread computes a batch, unless the user asks for more: another one reads requests."""
    if os.environ.get(_THREADS):
        yield
        return
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        del os.environ[_THREADS]
