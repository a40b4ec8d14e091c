"""Noise for training. The random numbers depend only on (seed, stream, step).

If x holds some rows of a batch, `part` is (first, total): the number of its first element in the
whole batch, and the elements of the whole. It then gets the random numbers that it would get there.
"""

from math import ceil
from typing import Any, TypeAlias

from xpnet import random
from xpnet.arguments import number
from xpnet.ops.record import PASS, Op
from xpnet.typing import Namespace

__all__ = [
    "DROPOUT",
    "GAUSSIAN_NOISE",
    "SCHEDULED_DROPOUT",
    "SCHEDULED_GAUSSIAN_NOISE",
    "least_kept",
]

Part: TypeAlias = tuple[int, int] | None


def least_kept(rate: float) -> int:
    """The smallest of the numbers 0 .. 2**32 - 1 that is kept; a share `rate` is below it."""
    return min(ceil(number("dropout: rate", rate, 0, 1) * 2**32), 2**32 - 1)


def dropout(
    xp: Namespace, x: Any, step: Any, *, rate: float, seed: int, stream: int, part: Part = None
) -> tuple[Any, Any]:
    """y = x r, and 0 (even for an infinite x) where r = 0; saved: r = keep / (1 - rate).

    keep = 1 where the element's 32 random bits are at least rate 2**32, else 0.
    """
    key, device = random.Key(seed, stream, step), getattr(x, "device", None)
    words = random.words(xp, key, x.shape, device, part)
    keep = words >= xp.asarray(least_kept(rate), dtype=words.dtype, device=device)
    r = xp.astype(keep, x.dtype) * (1 / (1 - rate))
    return xp.where(keep, x * r, xp.zeros_like(x)), r


def scheduled_dropout(
    xp: Namespace, x: Any, step: Any, rate: Any, *, seed: int, stream: int, part: Part = None
) -> tuple[Any, Any]:
    """y = x r as in dropout, where the rate is an input: one number, which may change from step
    to step; saved: r.
    """
    key, device = random.Key(seed, stream, step), getattr(x, "device", None)
    words = random.words(xp, key, x.shape, device, part)
    keep = xp.astype(words, rate.dtype) >= rate * 2.0**32
    r = xp.astype(keep, x.dtype) * xp.astype(1 / (1 - rate), x.dtype)
    return xp.where(keep, x * r, xp.zeros_like(x)), r


def dropout_vjp(xp: Namespace, gy: Any, r: Any) -> Any:
    """gx = gy r; where r = 0, an infinite gy gives NaN and so is not hidden."""
    return xp.multiply(gy, r)


def gaussian_noise(
    xp: Namespace, x: Any, step: Any, *, std: float, seed: int, stream: int, part: Part = None
) -> Any:
    """y = x + std z, with z from N(0, 1)."""
    key, device = random.Key(seed, stream, step), getattr(x, "device", None)
    return x + xp.astype(std * random.normal(xp, key, x.shape, device, part), x.dtype)


def scheduled_gaussian_noise(
    xp: Namespace, x: Any, step: Any, std: Any, *, seed: int, stream: int, part: Part = None
) -> Any:
    """y = x + std z, with z from N(0, 1), where std is an input: one number."""
    key, device = random.Key(seed, stream, step), getattr(x, "device", None)
    return x + xp.astype(std * random.normal(xp, key, x.shape, device, part), x.dtype)


DROPOUT = Op(
    "dropout",
    "(...),()->(...);(...)",
    dropout,
    [dropout_vjp, None],
    broadcast=True,
    integers=("step",),
)
GAUSSIAN_NOISE = Op(
    "gaussian_noise",
    "(...),()->(...)",
    gaussian_noise,
    [PASS, None],
    broadcast=True,
    integers=("step",),
)
SCHEDULED_DROPOUT = Op(
    "scheduled_dropout",
    "(...),(),()->(...);(...)",
    scheduled_dropout,
    [dropout_vjp, None, None],
    broadcast=True,
    integers=("step",),
    numbers=("rate",),
)
SCHEDULED_GAUSSIAN_NOISE = Op(
    "scheduled_gaussian_noise",
    "(...),(),()->(...)",
    scheduled_gaussian_noise,
    [PASS, None, None],
    broadcast=True,
    integers=("step",),
    numbers=("std",),
)
