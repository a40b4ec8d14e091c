"""The command ``xpnet``: train a network from the shell, and see what is installed."""

from xpnet.cli.app import main

__all__ = ["main"]
