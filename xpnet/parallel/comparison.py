"""What differs among processes that should agree."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["difference"]


def difference(values: Sequence[Any]) -> str | None:
    """The first difference from process 0, in words; None if all values are equal."""
    for rank, value in enumerate(values):
        found = _between(values[0], value, "")
        if found is not None:
            path, mine, theirs = found
            return f"{path} is {mine} in process 0 and {theirs} in process {rank}"
    return None


def _between(one: Any, other: Any, path: str) -> tuple[str, str, str] | None:
    """Where two values differ, and both there."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys: list[Any] = [*dict.fromkeys([*one, *other])]
        pairs = [(one.get(k), other.get(k), f"{path}.{k}" if path else str(k)) for k in keys]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = [(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(one, other, strict=True))]
    else:
        same = one == other or (one != one and other != other)
        return None if same else (path, _brief(one), _brief(other))
    return next((found for pair in pairs if (found := _between(*pair)) is not None), None)


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
