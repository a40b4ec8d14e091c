"""The arguments of `xpnet serve`."""

import argparse
from typing import Any

from xpnet.cli.parsers.values import count

__all__ = ["add_serve"]

_TEXT = """\
Answer HTTP requests with a saved model's predictions: POST /predict takes one row, rows or columns
as JSON, or CSV. GET / is a page that describes the model, with a form to try it. SIGTERM and Ctrl-C
stop the server after it has answered the requests in progress. Needs xpnet[serve].
"""
_EXAMPLES = """\
examples:
  xpnet serve wine.safetensors --port 8000
  curl http://127.0.0.1:8000/predict -H 'Content-Type: text/csv' --data-binary @new.csv
"""
_LIMITS = {
    "--max-bytes": "largest body of a request (default: 8 MiB)",
    "--max-rows": "most rows in a request (default: 10,000)",
    "--max-batch": "most rows that are predicted together (default: 64)",
    "--max-waiting": "most requests that wait for a prediction (default: 1,024)",
}


def add_serve(commands: Any) -> None:
    """Add the command."""
    serve = commands.add_parser(
        "serve",
        help="answer HTTP requests with a saved model's predictions",
        description=_TEXT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = serve.add_argument
    add("model", metavar="MODEL", help="file from xpnet train --save or Model.save")
    add(
        "--host",
        default="127.0.0.1",
        metavar="H",
        help="address to listen on; 0.0.0.0 for all of this machine (default: 127.0.0.1, where "
        "requests must name localhost, 127.0.0.1 or [::1] as the host)",
    )
    add("--port", type=_port, default=8000, metavar="P", help="0 for a free one (default: 8000)")
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another name for the server, which requests may use (see --host); may be repeated",
    )
    add("--strict", action="store_true", help="refuse columns and categories that are not known")
    add("--backend", metavar="B", help="numpy, cupy, torch, jax, ... or auto")
    add("--log", action="store_true", help="write a line for each request to standard error")
    limits = serve.add_argument_group("limits").add_argument
    for option, text in _LIMITS.items():
        limits(option, type=count, metavar="N", help=text)
    limits(
        "--timeout", type=float, metavar="S", help="seconds that a slow client has (default: 10)"
    )
    serve.set_defaults(run=_serve, parser=serve)


def _port(text: str) -> int:
    """A whole number below 65,536."""
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"expected a whole number up to 65535, got {text!r}")
    return int(text)


def _serve(arguments: argparse.Namespace) -> None:
    from xpnet.cli.serve_command import serve

    serve(arguments)
