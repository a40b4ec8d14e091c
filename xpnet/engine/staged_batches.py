"""Batches of stored data: steps take them from a window in memory."""

from collections.abc import Collection, Sequence

from xpnet.backends import get
from xpnet.data.arrays import Data
from xpnet.data.block_order import BlockOrder
from xpnet.engine.batches import Batches, Window
from xpnet.engine.engine import Engine
from xpnet.engine.window_reader import WindowReader
from xpnet.graph import Share

__all__ = ["StagedBatches"]


class StagedBatches(Batches):
    """Batches of data that are not all in memory."""

    def __init__(
        self,
        engine: Engine,
        mode: str,
        data: Data,
        parts: Sequence[slice],
        threads: int | None = None,
        rare: Collection[int] = (),
        shares: Sequence[Share | None] = (),
    ) -> None:
        super().__init__(engine, mode, data, parts, threads, rare, shares)
        self._reader = WindowReader(data, self.sizes)

    @property
    def whole(self) -> bool:
        return False

    def begin(self, order: BlockOrder | None = None, first: int = 0) -> None:
        self.end()
        self._reader.begin(order, first)

    def window(self, i: int) -> Window:
        if self._window is None or i >= self._window.batches.stop:
            self._window, self._gathers = self._there(self._reader.following()), []
        return self._window

    def end(self) -> None:
        super().end()
        self._window, self._gathers = None, []
        self._reader.end()

    def _there(self, here: Window) -> Window:
        """The window where the network computes."""
        backend, order = self._engine.backend, here.order
        if backend.name == "numpy":
            return here
        if order is not None:  # of one length, so that nothing is compiled twice
            padded = get("numpy").zeros((here.arrays[0].shape[0],), "int64")
            padded[: len(order)] = order
            order = backend.asarray(padded)
        arrays = [backend.asarray(array.copy()) for array in here.arrays]
        return Window(here.batches, arrays, order)
