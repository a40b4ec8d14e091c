"""Checks of the settings that users pass; each error says what was expected and what was given."""

from collections.abc import Iterable, Mapping
from math import inf, isfinite
from numbers import Integral, Real
from sys import float_info
from typing import Any

from xpnet.errors import ArgumentError, UnknownNameError, in_brief, nearest

__all__ = [
    "choice",
    "count",
    "elements",
    "finite",
    "flag",
    "function",
    "instance",
    "is_function",
    "is_real",
    "is_whole",
    "named_arrays",
    "number",
    "positive",
    "refuse_unknown",
    "texts",
]

_COUNTS = 2**63  # what libraries count with has 64 bits

_ELSEWHERE = {  # the names that other libraries use
    "lr": "learning_rate",
    "betas": "beta1",
    "eps": "epsilon",
    "clipnorm": "clip_norm",
    "clipvalue": "clip_value",
    "global_clipnorm": "clip_global_norm",
    "hidden_layer_sizes": "sizes",
}


def refuse_unknown(owner: str, given: Iterable[str], valid: Iterable[str], more: str = "") -> None:
    """Raise `TypeError`, as Python does, for a keyword that is not among the valid ones."""
    names = list(valid)
    for name in given:
        if name in names:
            continue
        meant = _ELSEWHERE.get(name)
        near = meant if meant in names else nearest(name, names)
        hint = more or (f" Did you mean {near!r}?" if near else "")
        raise TypeError(f"{owner} has no setting {name!r}.{hint} Settings: {', '.join(names)}.")


def count(name: str, value: Any, low: int = 1, below: int | None = None) -> int:
    """A whole number of at least `low` (and under `below`)."""
    good = isinstance(value, Integral) and not isinstance(value, bool)
    if not good or value < low or value >= (_COUNTS if below is None else below):
        end = below if below is not None or not good or value < low else "2**63"
        most = "" if end is None else f" and below {end}"
        raise ArgumentError(
            f"{name} must be a whole number of at least {low}{most}, got {in_brief(value)}."
        )
    return int(value)


def is_whole(value: Any) -> bool:
    """Whether this is a whole number of 64 bits, and no truth value."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        return False
    return -_COUNTS <= int(value) < _COUNTS


def is_real(value: Any) -> bool:
    """Whether this is a number that a float can hold, or NaN or infinity, and no truth value."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    return not isinstance(value, Integral) or abs(int(value)) <= float_info.max


def number(name: str, value: Any, low: float, below: float = inf) -> float:
    """A number in [low, below)."""
    if not is_real(value) or not low <= value < below:
        raise ArgumentError(f"{name} must be a number in [{low}, {below}), got {in_brief(value)}.")
    return float(value)


def finite(name: str, value: Any) -> float:
    """A finite number."""
    if not is_real(value) or not isfinite(value):
        raise ArgumentError(f"{name} must be a finite number, got {in_brief(value)}.")
    return float(value)


def positive(name: str, value: Any) -> float:
    """A finite number greater than 0."""
    if not is_real(value) or not 0 < value < inf:
        raise ArgumentError(f"{name} must be a number greater than 0, got {in_brief(value)}.")
    return float(value)


def flag(name: str, value: Any) -> bool:
    """True or False, also as NumPy's own or as the numbers 1 and 0."""
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if type(value).__name__ != "bool_" and type(value).__name__ != "bool":
        raise ArgumentError(f"{name} must be True or False, got {in_brief(value)}.")
    return bool(value)


def choice(kind: str, value: Any, names: Iterable[str]) -> str:
    """One of these names."""
    known = tuple(names)
    if not isinstance(value, str) or value not in known:
        raise UnknownNameError(kind, value, known)
    return value


def elements(name: str, values: Any, example: str) -> tuple[Any, ...]:
    """The elements of a list, or of any other collection with one dimension but a dict or a text.

    `example` is shown in the error, such as ``"[3, 5]"``.
    """
    plain = isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping)
    if not plain or getattr(values, "ndim", 1) != 1:
        raise ArgumentError(f"{name} must be a list, such as {example}, got {in_brief(values)}.")
    return tuple(values)


def instance(name: str, value: Any, kinds: type | tuple[type, ...], what: str) -> Any:
    """An object of one of these classes; `what` describes it, such as ``"a Table"``."""
    if not isinstance(value, kinds):
        raise ArgumentError(f"{name} must be {what}, got {in_brief(value)}.")
    return value


def is_function(value: object) -> bool:
    """Whether this is a function, or an object that can be called like one; classes are not."""
    return callable(value) and not isinstance(value, type)


def function(name: str, value: Any) -> Any:
    """A function, or an object that can be called like one."""
    if not is_function(value):
        raise ArgumentError(f"{name} must be a function, got {in_brief(value)}.")
    return value


def texts(name: str, values: Any, example: str) -> tuple[str, ...]:
    """The texts in a list; see `elements`."""
    found = elements(name, values, example)
    if not all(isinstance(text, str) for text in found):
        raise ArgumentError(f"{name} must hold texts, such as {example}, got {in_brief(values)}.")
    return found


def named_arrays(name: str, values: Any) -> Mapping[str, Any]:
    """A mapping of names to arrays."""
    instance(name, values, Mapping, "a dict of arrays by name")
    for key, array in values.items():
        if not isinstance(key, str) or not hasattr(array, "dtype") or not hasattr(array, "shape"):
            raise ArgumentError(
                f"{name} must be a dict of arrays by name, got {in_brief(array)} as "
                f"{in_brief(key)}."
            )
    found: Mapping[str, Any] = values
    return found
