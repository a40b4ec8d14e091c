"""The order of an epoch whose rows are read in blocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from xpnet import random
from xpnet.arguments import count
from xpnet.backends import get
from xpnet.data.arrays import batch_slices
from xpnet.lowering import compiled_words
from xpnet.typing import Array

__all__ = ["BlockOrder", "Blocks", "in_order"]

_BLOCKS, _ROWS = 4, 5  # streams of random numbers: the order of blocks, and of rows in a window
_BLOCK, _WINDOW = 1 << 19, 1 << 25  # bytes of a block and of a window that are chosen here
_MANY, _FEW = 64, 4  # blocks of a window


@dataclass(frozen=True)
class Blocks:
    """Shuffle rows in blocks: blocks in random order, and the rows of every few blocks mixed.

    A disk reads neighboring rows many times as fast as single ones. So each block of rows is read
    at once, and `window` blocks are held in memory, where their rows are put into random order.
    While training takes one window, a thread reads the next. All random numbers come from Philox,
    keyed by the model's seed and the epoch, so a fit that resumes sees the same rows.

    ``fit(shuffle=True)`` chooses blocks by itself for data that are not in memory: blocks of at
    most 0.5 MB, or of what is stored together, and windows of at most 64 blocks and about 32 MB.

    Parameters
    ----------
    rows : int, default 1024
        Rows of a block. For data stored in chunks, choose a multiple of a chunk's rows.
    window : int, default 64
        Blocks whose rows are mixed. Memory holds two windows.

    Raises
    ------
    ArgumentError
        If a number is not at least 1.

    Examples
    --------
    >>> import numpy as np, xpnet as xn
    >>> X, y, _, _ = xn.datasets.digits()
    >>> source = xn.data.open(X)
    >>> blocks = xn.data.Blocks(rows=32, window=8)
    >>> history = xn.MLP([64, 10]).fit(source, y, epochs=1, shuffle=blocks)
    """

    rows: int = 1024
    window: int = 64

    def __post_init__(self) -> None:
        count("rows", self.rows)
        count("window", self.window)

    @classmethod
    def fitting(cls, row_bytes: int, chunk: int) -> Self:
        """Blocks for rows of this size, of which `chunk` are stored together."""
        rows = 1 << max(0, (_BLOCK // max(1, row_bytes)).bit_length() - 1)
        rows = max(chunk, rows // chunk * chunk)
        return cls(rows, max(_FEW, min(_MANY, _WINDOW // max(1, rows * row_bytes))))

    def order(self, rows: int, seed: int, epoch: int) -> "BlockOrder":
        """The order of so many rows in an epoch."""
        blocks = batch_slices(rows, self.rows)
        drawn = _permutation(random.Key(seed, _BLOCKS, epoch), len(blocks)).tolist()
        return BlockOrder(_windows([blocks[i] for i in drawn], self.window), (seed, epoch))

    def __str__(self) -> str:
        return f"blocks of {self.rows} rows, {self.window} of them mixed at a time"


@dataclass(frozen=True)
class BlockOrder:
    """The order of the rows in one epoch.

    Attributes
    ----------
    windows : sequence of list of slice
        The blocks of each window.
    drawn : (int, int) or None
        The seed and the epoch, by which rows are mixed; None if they keep their order.
    """

    windows: Sequence[list[slice]]
    drawn: tuple[int, int] | None = None

    def sizes(self) -> list[int]:
        """Rows of each window."""
        return [sum(block.stop - block.start for block in window) for window in self.windows]

    def mixed(self, window: int, rows: int) -> Array:
        """The order of a window's rows, counted within it; None if they keep theirs."""
        if self.drawn is None:
            return None
        seed, epoch = self.drawn
        return _permutation(random.Key(seed, _ROWS, (epoch << 32) | window), rows)

    def numbers(self) -> Array:
        """All row numbers in this order, int64 on the host."""
        xp, found = get("numpy").xp, []
        for i, window in enumerate(self.windows):
            rows = xp.concat([xp.arange(block.start, block.stop) for block in window])
            order = self.mixed(i, len(rows))
            found.append(rows if order is None else rows[order])
        return xp.concat(found)


def in_order(rows: int, blocks: Blocks) -> BlockOrder:
    """All rows as they come, read in these blocks."""
    return BlockOrder(_windows(batch_slices(rows, blocks.rows), blocks.window))


def _windows(blocks: list[slice], window: int) -> list[list[slice]]:
    return [blocks[part] for part in batch_slices(len(blocks), window)]


def _permutation(key: random.Key, n: int) -> Array:
    host = get("numpy")
    return random.permutation(host.xp, key, n, drawn=compiled_words(host, key, n))
