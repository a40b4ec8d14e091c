"""`xpnet serve`: a saved model behind HTTP."""

import argparse
from pathlib import Path

from xpnet import load
from xpnet.serve import Limits, address, application, listen, run

__all__ = ["serve"]

_LIMITS = ("max_bytes", "max_rows", "max_batch", "max_waiting", "timeout")


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
    model = load(arguments.model, arguments.backend)
    app = application(model, Path(arguments.model).stem, limits)
    listener = listen(arguments.host, arguments.port)
    print(f"{arguments.model} at {address(listener)} (Ctrl-C stops)", flush=True)
    run(app, listener, limits, log=arguments.log)
