"""Values in the description of a model's file, checked."""

from math import inf
from typing import Any

from xpnet.arguments import count
from xpnet.errors import FormatError
from xpnet.ops.loss_scale import LARGEST, SMALLEST

__all__ = ["count_of", "four_numbers", "names_of", "sizes_of"]


def count_of(name: str, data: dict[str, Any]) -> int:
    """A count of this name."""
    return count(name, data[name], 0, 2**62)


def four_numbers(found: Any) -> list[float]:
    """A loss scale from a file, checked."""
    numbers = found if isinstance(found, list) else []
    whole = len(numbers) == 4 and all(isinstance(n, float) and 0 <= n < inf for n in numbers)
    if not whole or not SMALLEST <= numbers[0] <= LARGEST:
        raise FormatError(
            f"its loss_scale must be four numbers, the first from {SMALLEST} to {LARGEST}, the "
            f"others at least 0; got {found!r}."
        )
    return numbers


def names_of(found: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    """Names of parameters whose initial values wait for data, from a file, checked."""
    names = frozenset(known)
    good = isinstance(found, list) and all(isinstance(n, str) and n in names for n in found)
    if not good:
        raise FormatError(f"its 'awaiting' must be a list of some of {list(known)}; got {found!r}.")
    return tuple(found)


def sizes_of(found: Any) -> dict[int, int]:
    """The sizes of batches and the steps on each, checked."""
    pairs = found if isinstance(found, list) else None
    if pairs is None or not all(
        isinstance(pair, list) and len(pair) == 2 and all(type(n) is int and n > 0 for n in pair)
        for pair in pairs
    ):
        raise FormatError(f"its sizes must be pairs of whole numbers above 0, got {found!r:.80}.")
    return dict(pairs)
