"""The arguments of `xpnet info`: none."""

import argparse
from typing import Any

__all__ = ["add_info"]


def add_info(commands: Any) -> None:
    """Add the command."""
    info = commands.add_parser(
        "info",
        help="show what is installed and what works here",
        description=(
            "Show versions, backends, compiled steps, optional packages, settings and data folders."
        ),
    )
    info.set_defaults(run=_info, parser=info)


def _info(_: argparse.Namespace) -> None:
    from xpnet.cli.info import info

    info()
