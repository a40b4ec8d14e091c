"""Rules on flat vectors outside optimizers: flushing, and what happens at the cut."""

from typing import Any

from xpnet.ops.arithmetic import flush_to_zero
from xpnet.ops.record import Update
from xpnet.typing import Namespace

__all__ = [
    "ACCUMULATE",
    "ADD_GRADIENT",
    "FLUSH",
    "JOIN_GRADIENT",
    "MEAN_GRADIENT",
    "REPLACE_GRADIENT",
]

New = tuple[Any, ...]


def flush(xp: Namespace, v: Any, *, below: float) -> New:
    """v' = v, and 0 where |v| < below."""
    return (flush_to_zero(xp, v, below=below),)


def accumulate(xp: Namespace, s: Any, w: Any, g: Any, share: Any, weight: Any) -> New:
    """s' = s + share g;  w' = w + weight."""
    return s + share * g, w + weight


def mean_gradient(xp: Namespace, g: Any, s: Any, w: Any) -> New:
    """g' = s / w, and 0 where w = 0."""
    some = w > 0
    return (xp.where(some, s / xp.where(some, w, xp.ones_like(w)), xp.zeros_like(s)),)


def replace_gradient(xp: Namespace, g: Any, s: Any) -> New:
    """g' = s."""
    return (s,)


def add_gradient(xp: Namespace, g: Any, more: Any) -> New:
    """g' = g + more."""
    return (g + more,)


def join_gradient(xp: Namespace, g: Any, *parts: Any) -> New:
    """g' = the parts, flat, one after the other."""
    return (xp.concat([xp.reshape(part, (-1,)) for part in parts]),)


FLUSH = Update("flush", flush, changes=("slot",))
ACCUMULATE = Update("accumulate", accumulate, changes=("sum", "weight"))
MEAN_GRADIENT = Update("mean_gradient", mean_gradient, changes=("gradient",))
REPLACE_GRADIENT = Update("replace_gradient", replace_gradient, changes=("gradient",))
ADD_GRADIENT = Update("add_gradient", add_gradient, changes=("gradient",))
JOIN_GRADIENT = Update("join_gradient", join_gradient, changes=("gradient",))
