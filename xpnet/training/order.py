"""The order in which an epoch takes the samples."""

from collections.abc import Callable

import numpy as np

from xpnet import random
from xpnet.arguments import flag, is_function
from xpnet.backends import get
from xpnet.backends.readable import host_numbers
from xpnet.data.arrays import Data
from xpnet.errors import ArgumentError, in_brief
from xpnet.lowering import compiled_words
from xpnet.typing import Array, ArrayLike

__all__ = ["SampleOrder"]

_SHUFFLE = 2  # the stream of random numbers that orders the samples


class SampleOrder:
    """A new order in each epoch: drawn from the seed, by a function, or as the samples come.

    Attributes
    ----------
    kind : {"seed", "function", "as they come"}
    """

    def __init__(self, data: Data, shuffle: bool | Callable[[int], ArrayLike], seed: int) -> None:
        drawn = shuffle if is_function(shuffle) else flag("shuffle", shuffle)
        self._data, self._shuffle, self._seed = data, drawn, seed
        self.kind = "function" if callable(drawn) else "seed" if drawn else "as they come"

    def of(self, epoch: int) -> Array:
        """The row numbers, on the data's backend; None for ``"as they come"``."""
        if not self._shuffle:
            return None
        backend, rows = self._data.backend, self._data.rows
        if callable(self._shuffle):
            return backend.asarray(self._checked(self._shuffle(rows)))
        key = random.Key(self._seed, _SHUFFLE, epoch)
        if backend.planned and backend.separate:
            return random.permutation(backend.xp, key, rows, backend.device)
        # NumPy on the host: its calls take the least time, and not every library sorts int64.
        drawn = compiled_words(get("numpy"), key, rows)
        return backend.asarray(random.permutation(np, key, rows, drawn=drawn))

    def _checked(self, order: ArrayLike) -> Array:
        """The user's order on the host, checked to hold every row once."""
        rows, found = self._data.rows, host_numbers("what shuffle returned", order)
        if (
            found.size != rows
            or not np.array_equal(np.sort(found, axis=None), np.arange(rows))
            or found.ndim != 1
        ):
            raise ArgumentError(
                f"shuffle must return an order of {rows} samples, an array of the numbers 0 to "
                f"{rows - 1}; got {in_brief(order)}."
            )
        return found
