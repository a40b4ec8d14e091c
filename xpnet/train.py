"""Deprecated: the former module of models and callbacks, whose names are in `xpnet` itself."""

from importlib import import_module
from typing import Any
from warnings import warn

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    """The public name, with a warning that says where it is now."""
    found = None if name.startswith("_") else getattr(import_module("xpnet"), name, None)
    if found is None:
        raise AttributeError(f"module 'xpnet.train' has no attribute {name!r}")
    warn(
        f"xpnet.train.{name} is now xpnet.{name}; the next version removes xpnet.train.",
        DeprecationWarning,
        stacklevel=2,
    )
    return found
