"""Rules on flat vectors outside optimizers: flushing, and combining gradients at the cut."""

from typing import Any

from xpnet.ops.arithmetic import flush_to_zero
from xpnet.ops.record import Update
from xpnet.typing import Namespace

__all__ = [
    "ADD_MULTIPLE",
    "ADD_TO_VECTOR",
    "FLUSH",
    "JOIN_GRADIENT",
    "MEAN_GRADIENT",
    "REPLACE_GRADIENT",
]

New = tuple[Any, ...]


def flush(xp: Namespace, v: Any, *, below: float) -> New:
    """v' = v, and 0 where |v| < below."""
    return (flush_to_zero(xp, v, below=below),)


def add_multiple(xp: Namespace, v: Any, more: Any, factor: Any) -> New:
    """v' = v + factor more."""
    return (v + factor * more,)


def mean_gradient(xp: Namespace, g: Any, s: Any, w: Any) -> New:
    """g' = s / w for a number w, and 0 if w = 0."""
    some = w > 0
    return (xp.where(some, s / xp.where(some, w, xp.ones_like(w)), xp.zeros_like(s)),)


def replace_gradient(xp: Namespace, g: Any, s: Any) -> New:
    """g' = s."""
    return (s,)


def add_to_vector(xp: Namespace, v: Any, more: Any) -> New:
    """v' = v + more."""
    return (v + more,)


def join_gradient(xp: Namespace, g: Any, *parts: Any) -> New:
    """g' = the parts, flat, one after the other."""
    return (xp.concat([xp.reshape(part, (-1,)) for part in parts]),)


FLUSH = Update("flush", flush, changes=("slot",))
ADD_MULTIPLE = Update("add_multiple", add_multiple, changes=("vector",))
ADD_TO_VECTOR = Update("add_to_vector", add_to_vector, changes=("vector",))
MEAN_GRADIENT = Update("mean_gradient", mean_gradient, changes=("gradient",))
REPLACE_GRADIENT = Update("replace_gradient", replace_gradient, changes=("gradient",))
JOIN_GRADIENT = Update("join_gradient", join_gradient, changes=("gradient",))
