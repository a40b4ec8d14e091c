"""Rules on the scale of a float16 model's loss, a vector of four numbers.

These are the scale itself, the number of good steps since it changed, whether this step
overflowed (1 or 0), and the number of skipped steps.
"""

from typing import Any

from xpnet.ops.record import Update
from xpnet.typing import Namespace

__all__ = [
    "COPY_IF_OVERFLOW",
    "FIRST",
    "LARGEST",
    "NEXT_SCALE",
    "PATIENCE",
    "SMALLEST",
    "UNSCALE",
]

FIRST, SMALLEST, LARGEST, PATIENCE = 2.0**16, 2.0**-24, 2.0**24, 2000

New = tuple[Any, ...]


def unscale(xp: Namespace, g: Any, s: Any) -> New:
    """g' = g / s[0];  s[2]' = 1 where a number in g' is not finite."""
    g = g / s[0]
    noted = xp.where(xp.all(xp.isfinite(g)), s[2:3], xp.ones_like(s[2:3]))
    return g, xp.concat([s[:2], noted, s[3:]])


def copy_if_overflow(xp: Namespace, v: Any, w: Any, s: Any) -> New:
    """v' = the first elements of w where the step overflowed, else v."""
    return (xp.where(s[2] != 0, w[: v.shape[0]], v),)


def next_scale(xp: Namespace, s: Any) -> New:
    """Halve the scale after an overflow; double it after `PATIENCE` good steps."""
    scale, good, overflowed, left_out = (s[i : i + 1] for i in range(4))
    one, bad, good = xp.ones_like(good), overflowed != 0, good + 1
    enough = good == PATIENCE
    half = xp.where(scale > SMALLEST, scale / 2, SMALLEST * one)
    double = xp.where(scale < LARGEST, scale * 2, LARGEST * one)
    scale = xp.where(bad, half, xp.where(enough, double, scale))
    good = xp.where(xp.logical_or(bad, enough), 0 * one, good)
    left_out = xp.where(bad, left_out + 1, left_out)
    return (xp.concat([scale, good, 0 * one, left_out]),)


UNSCALE = Update("unscale", unscale, changes=("gradient", "loss_scale"))
COPY_IF_OVERFLOW = Update("copy_if_overflow", copy_if_overflow, changes=("vector",))
NEXT_SCALE = Update("next_scale", next_scale, changes=("loss_scale",))
