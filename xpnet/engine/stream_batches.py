"""Batches that a function returns: each is converted and checked when its turn comes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from xpnet.data.arrays import Data, batch_slices
from xpnet.data.batch_stream import BatchStream
from xpnet.engine.batch_graph import BatchSpec
from xpnet.engine.batches import Batches
from xpnet.engine.engine import Engine
from xpnet.engine.programs import Program
from xpnet.errors import DataError
from xpnet.typing import Array

__all__ = ["StreamBatches", "StreamData"]


@dataclass(frozen=True)
class StreamData(Data):
    """The first batch of a stream, in place of all data, and the stream.

    Attributes
    ----------
    stream : BatchStream
    convert : callable
        ``convert(i, batch)`` is batch `i`, counted from 0, checked.
    """

    stream: Any = None
    convert: Callable[[int, Any], Data] = None  # type: ignore[assignment]

    @property
    def rows(self) -> int:
        """The number of samples if all batches are like the first."""
        stream: BatchStream = self.stream
        return int(self.x.shape[0]) * stream.steps

    @property
    def means(self) -> list[float]:
        """None are known in advance."""
        return []

    @property
    def checksums(self) -> list[int]:
        """None are known in advance."""
        return []


class StreamBatches(Batches):
    """The batches of a stream.

    `sizes` and `programs` are those of the first batch until a batch has come.
    """

    def __init__(
        self,
        engine: Engine,
        mode: str,
        data: StreamData,
        threads: int | None = None,
    ) -> None:
        parts = batch_slices(data.rows, int(data.x.shape[0]))
        super().__init__(engine, mode, data, parts, threads)
        self._spec = partial(_spec, engine, mode, threads)
        self._loaded: Iterator[Program] = iter(())

    @property
    def whole(self) -> bool:
        return False

    def begin(self, order: Array = None, first: int = 0) -> None:
        self.end()
        self._loaded = self._each_loaded(first)

    def load(self, i: int) -> Program:
        return next(self._loaded)

    def end(self) -> None:
        super().end()
        self._loaded = iter(())

    def _each_loaded(self, first: int) -> Iterator[Program]:
        """The programs, each loaded with its batch, from batch `first` on."""
        data: Any = self.data
        taken = data.stream.begin(first)
        for i in range(first, len(self)):
            try:
                batch = data.convert(i, next(taken))  # kept: the program may read it in place
            except StopIteration:
                raise self._too_few(i) from None
            program = self._engine.programs.get(self._spec(batch))
            self.sizes[i], self.programs[i] = batch.rows, program
            program.load(batch.arrays, slice(None))
            yield program

    def _too_few(self, i: int) -> DataError:
        return DataError(
            f"there is no batch {i + 1}: the iterator ended after {i} of {len(self)} batches. It "
            f"must return as many in each epoch; say how many with batches(..., steps={max(i, 1)})."
        )


def _spec(engine: Engine, mode: str, threads: int | None, batch: Data) -> BatchSpec:
    return engine.batch_spec(mode, batch.rows, batch, threads)
