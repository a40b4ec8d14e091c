"""Checks of what a model is made with."""

from collections.abc import Iterable
from typing import Any

from xpnet.arguments import count
from xpnet.backends import Backend, resolve
from xpnet.backends.precision import check_precision, in_precision
from xpnet.errors import ArgumentError
from xpnet.typing import Shape

__all__ = ["names_of", "place_of", "sample_shape"]


def sample_shape(shape: Any) -> Shape | None:
    """One sample's shape from a number of features, a shape or None."""
    if shape is None:
        return None
    lengths = shape if isinstance(shape, tuple | list) else (shape,)
    return tuple(count("input_shape", n) for n in lengths)


def names_of(names: Any) -> tuple[str, ...]:
    """Dotted names of layers and parameters."""
    good = isinstance(names, Iterable) and not isinstance(names, str)
    if not good or not all(isinstance(n, str) and n for n in names):
        raise ArgumentError(
            f"expected names of layers or parameters, such as 'layers.0', in a list, got {names!r}."
        )
    return tuple(names)


def place_of(backend: Any, precision: Any, dtype: str) -> tuple[Backend | None, str]:
    """The backend, None if it is open, and the precision in which it computes."""
    precision = check_precision(precision, dtype)
    if backend is None:
        return None, precision
    found = in_precision(resolve(backend), precision, backend)
    return found, found.precision
