"""Windows of stored data: a thread reads the next one while steps run on another.

A window holds the rows of some blocks, in their order on disk, and the order in which batches take
them. The rows of a batch that a window begins but does not complete are copied to the start of the
next one, so batches are the same wherever windows end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import Any

from xpnet.backends import get
from xpnet.data.arrays import Data
from xpnet.data.block_order import BlockOrder, Blocks, in_order
from xpnet.data.stored_column import StoredColumn
from xpnet.engine.batches import Window
from xpnet.typing import Array

__all__ = ["WindowReader", "usual_blocks"]


def usual_blocks(data: Data) -> Blocks:
    """The blocks in which these data are read unless the user says otherwise."""
    stored = [array for array in data.arrays if isinstance(array, StoredColumn)]
    return Blocks.fitting(sum(c.row_bytes for c in stored), max(c.chunk for c in stored))


@dataclass(frozen=True)
class _Stage:
    """What is in memory at a time.

    `batches` end in these `windows` of the order; `carried` rows of the first were read before.
    """

    windows: range
    batches: range
    carried: int


class WindowReader:
    """The windows of an epoch, in host memory, one after the other.

    Parameters
    ----------
    data : Data
    sizes : sequence of int
        Rows of each batch.
    """

    def __init__(self, data: Data, sizes: Sequence[int]) -> None:
        self._arrays, self._sizes = data.arrays, sizes
        self._plain = self._blocks = in_order(data.rows, usual_blocks(data))
        self._stages: list[_Stage] = []
        self._slots: list[list[Array]] = []
        self._ahead: _Ahead | None = None
        self._seen = 0  # stages of the first epoch whose rows were checked

    def begin(self, order: BlockOrder | None, first: int) -> None:
        """Begin to read the window of batch `first`; without an order, rows as they come."""
        self.end()
        self._blocks = self._plain if order is None else order
        self._stages = _stages(self._blocks.sizes(), self._sizes)
        rows = max(self._sizes) + max(self._blocks.sizes())
        if not self._slots or self._slots[0][0].shape[0] < rows:
            zeros = get("numpy").xp.zeros  # its pages are not touched yet
            self._slots = [
                [zeros((rows, *a.shape[1:]), dtype=a.dtype) for a in self._arrays] for _ in range(2)
            ]
        number = next(k for k, s in enumerate(self._stages) if first < s.batches.stop)
        before = number - 1 if self._stages[number].carried else None

        def read() -> Window:
            earlier = None if before is None else self._fill(before, None)
            return self._fill(number, earlier)

        self._ahead = _Ahead(number, read)

    def following(self) -> Window:
        """The next window; the one after it is read meanwhile, over the one before."""
        assert self._ahead is not None
        number, found = self._ahead.number + 1, self._ahead.result()
        if number < len(self._stages):
            self._ahead = _Ahead(number, lambda: self._fill(number, found))
        return found

    def end(self) -> None:
        """Wait until nothing is read any more."""
        if self._ahead is not None:
            self._ahead.wait()
        self._ahead = None

    def _fill(self, number: int, earlier: Window | None) -> Window:
        """Read the rows of a stage; `earlier` is the one before, which holds the first few."""
        stage, arrays = self._stages[number], self._slots[number % 2]
        host, at = get("numpy"), stage.carried
        if earlier is not None and at:
            stop = len(earlier.batches) * self._sizes[0]  # rows of whole batches come before
            left = slice(stop, stop + at)
            for array, old in zip(arrays, earlier.arrays, strict=True):
                array[:at] = old[left] if earlier.order is None else old[earlier.order[left]]
        orders = [host.xp.arange(at)]
        self._expect(number)
        for window in stage.windows:
            start, at = at, self._read(window, arrays, at, number >= self._seen)
            if self._blocks.drawn is not None:
                orders.append(start + self._blocks.mixed(window, at - start))
        self._expect(number + 1)
        if number == self._seen:  # after a whole epoch, all rows are known good
            self._seen += 1
        order = None if self._blocks.drawn is None else host.xp.concat(orders)
        return Window(stage.batches, arrays, order)

    def _expect(self, number: int) -> None:
        """Let sources prepare for a stage: a disk is fastest if it knows many blocks at a time."""
        windows = self._stages[number].windows if number < len(self._stages) else ()
        for block in (block for window in windows for block in self._blocks.windows[window]):
            for array in self._arrays:
                if isinstance(array, StoredColumn):
                    array.expect(block)

    def _read(self, window: int, arrays: Sequence[Array], at: int, checked: bool) -> int:
        """Read a window's blocks into memory from row `at` on; return where they end."""
        for block in self._blocks.windows[window]:
            end = at + block.stop - block.start
            for array, out in zip(self._arrays, arrays, strict=True):
                if isinstance(array, StoredColumn):
                    array.read(block, out[at:end], checked)
                else:
                    out[at:end] = array[block]
            at = end
        return at


class _Ahead:
    """A window that a thread reads.

    Attributes
    ----------
    number : int
    """

    def __init__(self, number: int, read: Callable[[], Window]) -> None:
        self.number, self._read = number, read
        self._found: Any = None
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="xpnet-read-ahead", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found = self._read()
        except BaseException as error:  # raised where the window is needed
            self._error = error

    def wait(self) -> None:
        """Wait until nothing is written any more."""
        self._thread.join()

    def result(self) -> Window:
        """The window; raises what reading it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        found: Window = self._found
        return found


def _stages(windows: Sequence[int], batches: Sequence[int]) -> list[_Stage]:
    """Windows of so many rows, joined until each stage completes at least one batch."""
    stages: list[_Stage] = []
    rows = first = done = position = 0
    for number, size in enumerate(windows):
        position += size
        complete = len(batches) if number + 1 == len(windows) else position // batches[0]
        if complete > done:
            carried = rows - done * batches[0]
            stages.append(_Stage(range(first, number + 1), range(done, complete), carried))
            rows, first, done = position, number + 1, complete
    return stages
