"""Data cut into batches, each with the program that takes it.

Training, evaluation and prediction all take their batches from here. The data are where the
network computes, or on the host; then one batch is copied while another is computed.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from xpnet.backends.streaming import Streaming
from xpnet.data.arrays import Data
from xpnet.engine.engine import Engine
from xpnet.engine.programs import Program
from xpnet.graph import Share
from xpnet.lowering import turn
from xpnet.typing import Array

__all__ = ["Batches", "StreamedBatches", "Window"]

Found = TypeVar("Found")


@dataclass(frozen=True)
class Window:
    """Rows in memory, and the batches that are taken from them.

    Attributes
    ----------
    batches : range
        Numbers of the batches. The first begins with the first row.
    arrays : sequence of array
    order : array or None
        The row numbers, within these arrays, in the order of the epoch; None if they keep theirs.
    """

    batches: range
    arrays: Sequence[Array]
    order: Array = None


class Batches:
    """Data on the device where the network computes.

    Batches whose sizes are in `rare` are interpreted; see `engine.batch_sizes`. Where several
    processes share batches, the `parts` are this one's, and may be empty, except the first.

    Attributes
    ----------
    data : Data
    sizes : list of int
        Samples of each batch.
    programs : list of Program
        One per batch; batches of the same size share one.
    threads : context manager
        Limits the BLAS to as many threads as a batch is worth; the engine's lock if there is
        nothing to limit.
    """

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
        self.data, self._engine, self.parts = data, engine, parts
        self.sizes = [part.stop - part.start for part in self.parts]
        kinds = [*zip(self.sizes, shares or [None] * len(parts), strict=True)]
        made = {}
        for size, share in sorted({*kinds}, key=lambda kind: kind[0], reverse=True):
            if size:
                spec = replace(engine.batch_spec(mode, size, data, threads), share=share)
                made[size, share] = engine.programs.get(spec, compiled=size not in rare)
        # An empty part has no program of its own, and none is run.
        self.programs = [made[kind if kind[0] else kinds[0]] for kind in kinds]
        self.threads = turn(engine.backend, self.programs[0].flops) or engine.programs.lock
        self._window: Window | None = Window(range(len(self)), data.arrays)
        self._gathers: list[list[Callable[[Array], Any]]] = []

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def whole(self) -> bool:
        """Whether all batches are taken from the arrays in `data`."""
        return True

    @property
    def flops(self) -> int:
        """Floating-point operations of the largest product."""
        return self.programs[0].flops

    def begin(self, order: Array = None, first: int = 0) -> None:
        """Begin with batch `first` of the rows in this order."""
        self._window = Window(range(len(self)), self.data.arrays, order)
        self.end()  # of an interrupted epoch

    def window(self, i: int) -> Window:
        """The rows in memory from which batch `i` is taken; in an epoch, `i` only grows."""
        assert self._window is not None
        return self._window

    def load(self, i: int) -> Program:
        """The program of batch `i`, loaded with it; the engine's lock is held."""
        program, window = self.programs[i], self._window
        if window is None or i >= window.batches.stop:
            window = self.window(i)
        before, rows = window.batches.start * self.sizes[0], self.parts[i]
        part = slice(rows.start - before, rows.stop - before)
        if window.order is None:
            program.load(window.arrays, part)
            return program
        if not self._gathers:
            bound = {id(p): p.gathers(window.arrays) for p in self._each()}
            self._gathers = [bound[id(p)] for p in self.programs]
        index = window.order[part]
        for gather in self._gathers[i]:
            gather(index)
        return program

    def each(
        self, read: Callable[[Program], Found], some: Iterable[int] | None = None
    ) -> list[Found]:
        """Run every batch's program, or those of some; what `read` returns of each.

        It is called before the next batch overwrites the results.
        """
        self.begin()
        try:
            with self._engine.programs.lock:  # all batches see the same parameters
                return [self._one(i, read) for i in (range(len(self)) if some is None else some)]
        finally:
            self.end()

    def _one(self, i: int, read: Callable[[Program], Found]) -> Found:
        with self._engine.backend.quiet(), self.threads:
            program = self.load(i)
            program.run()
            return read(program)

    def end(self) -> None:
        """Leave no copy in flight, and no program that reads the data."""
        with self._engine.programs.lock:
            for program in self._each():
                program.release()

    def _each(self) -> list[Program]:
        """Each program once."""
        return [*dict.fromkeys(self.programs)]


class StreamedBatches(Batches):
    """Data on the host, for a network on a GPU."""

    def __init__(
        self,
        engine: Engine,
        mode: str,
        data: Data,
        parts: Sequence[slice],
        threads: int | None = None,
        rare: Collection[int] = (),
    ) -> None:
        super().__init__(engine, mode, data, parts, threads, rare)
        self._streaming = Streaming(engine.backend, data.arrays, max(self.sizes))

    def begin(self, order: Array = None, first: int = 0) -> None:
        self._window = Window(range(len(self)), self.data.arrays, order)
        self._streaming.clear()
        self._stage(first)

    def load(self, i: int) -> Program:
        program: Any = self.programs[i]
        self._stage(i + 1)
        self._streaming.take(program.inputs)
        found: Program = program
        return found

    def end(self) -> None:
        self._streaming.clear()

    def _stage(self, i: int) -> None:
        if i < len(self.parts):
            part = self.parts[i]
            order = self.window(i).order
            self._streaming.stage(part if order is None else order[part])
