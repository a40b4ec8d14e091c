"""How much memory a measurement takes, and whether that much is free."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from xpnet.errors import ArgumentError

__all__ = ["check", "fits", "needed"]

_WEIGHTS = 4  # a parameter, its gradient, and two values that the optimizer keeps for it


def check(layers: Sequence[int], batch: int, rows: int, dtype: str) -> None:
    """Refuse a measurement that does not fit, before anything is allocated.

    Raises
    ------
    ArgumentError
        If it takes more memory than is free; the message names both.
    """
    if fits(layers, batch, rows, dtype):
        return
    units = "-".join(map(str, layers))
    raise ArgumentError(
        f"steps of {units} with a batch of {batch} take about "
        f"{needed(layers, batch, rows, dtype) / 1e9:,.1f} GB of memory, but only "
        f"{(_free() or 0) / 1e9:,.1f} GB are free. Use a smaller --batch or smaller --layers."
    )


def fits(layers: Sequence[int], batch: int, rows: int, dtype: str) -> bool:
    """Whether there is enough memory; True where the system does not say how much is free."""
    free = _free()
    return free is None or needed(layers, batch, rows, dtype) <= free


def needed(layers: Sequence[int], batch: int, rows: int, dtype: str) -> int:
    """The least number of bytes for a model, a step, its bare products and the data.

    Parameters
    ----------
    rows : int
        Number of samples.
    """
    size = np.dtype(dtype).itemsize
    weights = sum(i * o for i, o in pairwise(layers))
    step = _WEIGHTS * weights + 2 * batch * sum(layers[1:]) + batch * layers[0]
    products = 2 * weights + batch * sum(i + 2 * o for i, o in pairwise(layers))
    data = rows * layers[0] * (size if size == 4 else size + 4)  # drawn in float32
    return size * (step + products) + data


def _free() -> int | None:
    """Bytes that are free for new arrays, where the system says so."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            return next(1024 * int(n.split()[1]) for n in lines if n.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None
