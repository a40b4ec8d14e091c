"""What no function expects: one factory for each kind of junk, so that no call sees another's."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["KINDS", "Own"]


class Own(Exception):
    """What a user's own object raises; it may pass through the package."""


def _raise(*_: object, **__: object) -> Any:
    raise Own("raised by the object itself")


class Text(str):
    """A text of a class of the user's."""

    __slots__ = ()


class Unhashable:
    """A plain object that cannot be a key."""

    __hash__ = None  # type: ignore[assignment]


def _class(**methods: Any) -> Callable[[], Any]:
    """Makes objects whose special methods are these."""
    return lambda: type("Junk", (), methods)()


def _no_arguments() -> None:
    """Takes no argument, where every function of the package gives some."""


def _exhausted() -> Iterator[int]:
    found = iter([1, 2])
    list(found)
    return found


def _within_itself() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def _deep() -> list[Any]:
    found: list[Any] = []
    for _ in range(10_000):
        found = [found]
    return found


def _array(value: Any, **how: Any) -> Callable[[], Any]:
    return lambda: np.array(value, **how)


KINDS: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "empty text": str,
    "text": lambda: "junk",
    "text with a null": lambda: "a\0b",
    "half of a surrogate pair": lambda: "\ud800",
    "text of one's own class": lambda: Text("junk"),
    "bytes": lambda: b"x",
    "NaN": lambda: math.nan,
    "infinity": lambda: math.inf,
    "-1": lambda: -1,
    "0": lambda: 0,
    "10**30": lambda: 10**30,
    "10**400": lambda: 10**400,
    "1.5": lambda: 1.5,
    "True": lambda: True,
    "complex": lambda: 1 + 2j,
    "number of NumPy": lambda: np.float64(math.nan),
    "list": list,
    "dict": dict,
    "dict of numbers": lambda: {1: 2},
    "set": lambda: {1, 2},
    "ragged list": lambda: [[1, [2]], [3]],
    "list of objects": lambda: [object(), None],
    "list within itself": _within_itself,
    "deep list": _deep,
    "object": object,
    "unhashable object": Unhashable,
    "class": lambda: Unhashable,
    "type": lambda: int,
    "function without arguments": lambda: _no_arguments,
    "generator": lambda: (i for i in range(3)),
    "exhausted iterator": _exhausted,
    "empty array": _array([]),
    "0-d array": _array(1.5),
    "array of 5 dimensions": lambda: np.ones((2, 1, 2, 1, 2)),
    "complex array": _array([[1j, 2], [3, 4]]),
    "array of objects": _array([object(), None]),
    "array of texts": _array([["a", "b"], ["c", "d"]]),
    "array of dates": _array(["2024-01-01", "NaT"], dtype="datetime64[D]"),
    "array of fields": _array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
    "array with NaN": _array([[math.nan, 1.0, 2.0]] * 8),
    "array with infinity": _array([[math.inf, 1.0, 2.0]] * 8),
    "array of 10**12 rows": lambda: np.broadcast_to(np.float32(1), (10**12, 3)),
    "path of nothing": lambda: Path(__file__, "of", "this", "name"),
    "object that is no array": _class(__array__=_raise),
    "object without a length": _class(__len__=_raise, __getitem__=_raise),
    "object that cannot be shown": _class(__repr__=_raise),
    "object that cannot be compared": _class(__eq__=_raise, __hash__=_raise),
    "object that is neither true nor false": _class(__bool__=_raise),
    "partial function": lambda: partial(_no_arguments),
    "module": lambda: math,
}
