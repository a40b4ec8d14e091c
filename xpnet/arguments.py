"""Checks of the numbers that users pass; each error says what was expected and what was given."""

from collections.abc import Iterable
from math import isfinite
from numbers import Integral, Real
from typing import Any

from xpnet.errors import ArgumentError, nearest

__all__ = ["count", "finite", "number", "positive", "refuse_unknown"]

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
    if not good or value < low or (below is not None and value >= below):
        most = "" if below is None else f" and below {below}"
        raise ArgumentError(
            f"{name} must be a whole number of at least {low}{most}, got {value!r}."
        )
    return int(value)


def number(name: str, value: Any, low: float, below: float = float("inf")) -> float:
    """A number in [low, below)."""
    good = isinstance(value, Real) and not isinstance(value, bool)
    if not good or not low <= value < below:
        raise ArgumentError(f"{name} must be a number in [{low}, {below}), got {value!r}.")
    return float(value)


def finite(name: str, value: Any) -> float:
    """A finite number."""
    good = isinstance(value, Real) and not isinstance(value, bool)
    if not good or not isfinite(value):
        raise ArgumentError(f"{name} must be a finite number, got {value!r}.")
    return float(value)


def positive(name: str, value: Any) -> float:
    """A finite number greater than 0."""
    good = isinstance(value, Real) and not isinstance(value, bool)
    if not good or not 0 < value < float("inf"):
        raise ArgumentError(f"{name} must be a number greater than 0, got {value!r}.")
    return float(value)
