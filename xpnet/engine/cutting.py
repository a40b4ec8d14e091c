"""Data cut into batches, in the way that fits where they are."""

from collections.abc import Collection

from xpnet.data.arrays import Data, batch_slices
from xpnet.engine.batches import Batches, StreamedBatches
from xpnet.engine.engine import Engine
from xpnet.engine.staged_batches import StagedBatches
from xpnet.engine.stream_batches import StreamBatches, StreamData

__all__ = ["cut"]


def cut(
    engine: Engine,
    mode: str,
    data: Data,
    batch_size: int,
    threads: int | None = None,
    rare: Collection[int] = (),
) -> Batches:
    """Data in batches of `batch_size` samples, for this kind of computation.

    At most `threads` threads share a batch; see `Model.fit`. A stream's batches keep their sizes.
    """
    if isinstance(data, StreamData):
        return StreamBatches(engine, mode, data, threads)
    parts = batch_slices(data.rows, batch_size)
    if data.stored:
        return StagedBatches(engine, mode, data, parts, threads, rare)
    there = data.backend.name == engine.backend.name
    kind = Batches if there else StreamedBatches
    return kind(engine, mode, data, parts, threads, rare)
