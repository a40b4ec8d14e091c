"""The order in which an epoch takes the samples."""

from collections.abc import Callable
from logging import getLogger
from typing import Any

import numpy as np

from xpnet import random
from xpnet.arguments import flag, is_function
from xpnet.backends import get
from xpnet.backends.readable import host_numbers
from xpnet.data.arrays import Data
from xpnet.data.block_order import Blocks
from xpnet.engine.stream_batches import StreamData
from xpnet.engine.window_reader import usual_blocks
from xpnet.errors import ArgumentError, in_brief
from xpnet.lowering import compiled_words
from xpnet.typing import Array, ArrayLike

__all__ = ["SampleOrder"]

_SHUFFLE = 2  # the stream of random numbers that orders the samples


class SampleOrder:
    """A new order in each epoch: drawn from the seed, by a function, or as the samples come.

    Attributes
    ----------
    kind : str
        ``"seed"``, ``"function"``, ``"as they come"``, or the blocks in words.

    Raises
    ------
    ArgumentError
        If the data cannot be read in this order.
    """

    def __init__(
        self, data: Data, shuffle: bool | Blocks | Callable[[int], ArrayLike], seed: int
    ) -> None:
        if not (isinstance(shuffle, Blocks) or is_function(shuffle)):
            shuffle = flag("shuffle", shuffle)
        self._data, self._shuffle, self._seed = data, _possible(data, shuffle), seed
        if isinstance(data, StreamData):
            self.kind = "batches of a function"
        elif isinstance(self._shuffle, Blocks):
            self.kind = str(self._shuffle)
        else:
            self.kind = "function" if callable(shuffle) else "seed" if shuffle else "as they come"

    def of(self, epoch: int) -> Any:
        """The row numbers, on the data's backend; None for ``"as they come"``.

        For stored data, a `BlockOrder`.
        """
        if not self._shuffle:
            return None
        backend, rows = self._data.backend, self._data.rows
        if isinstance(self._shuffle, Blocks):
            order = self._shuffle.order(rows, self._seed, epoch)
            return order if self._data.stored else backend.asarray(order.numbers())
        if callable(self._shuffle):
            return backend.asarray(self._checked(self._shuffle(rows)))
        key = random.Key(self._seed, _SHUFFLE, epoch)
        if backend.planned and backend.separate:
            drawn = compiled_words(backend, key, rows)
            return random.permutation(backend.xp, key, rows, backend.device, drawn)
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


def _possible(
    data: Data, shuffle: bool | Blocks | Callable[[int], ArrayLike]
) -> bool | Blocks | Callable[[int], ArrayLike]:
    """The order that was asked for; blocks for stored data that are to be shuffled."""
    if isinstance(data, StreamData):
        if isinstance(shuffle, Blocks) or callable(shuffle):
            raise ArgumentError(
                "shuffle has no effect on batches from a function, which come in its order: leave "
                "it out."
            )
        return False
    if not data.stored or isinstance(shuffle, Blocks):
        return shuffle
    if callable(shuffle):
        raise ArgumentError(
            "a function cannot order rows that are not in memory, since single rows would be read "
            "from all over: use shuffle=xpnet.data.Blocks(...), or False."
        )
    if not shuffle:
        return False
    blocks = usual_blocks(data)
    getLogger("xpnet").info(
        "the data are not in memory, so they are shuffled in %s: shuffle=xpnet.data.%r",
        blocks,
        blocks,
    )
    return blocks
