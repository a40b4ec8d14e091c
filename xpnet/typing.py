"""Names for what the rest is written against: a library of arrays, and a shape."""

from collections.abc import Sequence
from typing import Any, TypeAlias

__all__ = ["Array", "Namespace", "Shape", "size_of"]

Array: TypeAlias = Any
"""An array of whichever library computes."""

Namespace: TypeAlias = Any
"""A module that follows the Python Array API standard (numpy, cupy, torch's wrapper, ...)."""

Shape: TypeAlias = tuple[int, ...]


def size_of(shape: Sequence[int]) -> int:
    """Count the elements of an array of this shape."""
    count = 1
    for length in shape:
        count *= length
    return count
