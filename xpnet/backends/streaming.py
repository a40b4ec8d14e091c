"""Rows of host arrays on their way to a GPU: one batch is copied while another is computed with.

There are two slots, each with pinned memory on the host, from which a GPU copies by itself, and
memory on the device. A slot's batch is gathered into the pinned memory, copied on a stream of
its own, and then put into its place on the stream that computes. Events keep the order: nothing
is gathered into pinned memory that is still to be copied, and nothing is copied to where the
batch before is still to be taken from.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

__all__ = ["Streaming"]


class _Slot:
    """Memory for one batch on both sides, and when it is free."""

    def __init__(self, backend: Any, arrays: Sequence[Any], rows: int) -> None:
        cupy = backend.cupy
        shapes = [(rows, *a.shape[1:]) for a in arrays]
        kinds = [str(a.dtype) for a in arrays]
        self.host = [backend.pinned(s, k) for s, k in zip(shapes, kinds, strict=True)]
        self.device = [cupy.empty(s, dtype=k) for s, k in zip(shapes, kinds, strict=True)]
        self.copied = cupy.cuda.Event(disable_timing=True)
        self.taken = cupy.cuda.Event(disable_timing=True)
        self.rows = 0
        # The memory may be such as calls that were asked for before still work with.
        cupy.cuda.get_current_stream().record(self.taken)


class Streaming:
    """Batches of some host arrays for a device; see the module.

    Parameters
    ----------
    backend : CupyBackend
    arrays : sequence of numpy array
        With as many rows each; they may be memory-mapped files.
    rows : int
        Rows of the largest batch.
    """

    def __init__(self, backend: Any, arrays: Sequence[Any], rows: int) -> None:
        self._arrays, self._cupy = arrays, backend.cupy
        self._free = deque(_Slot(backend, arrays, rows) for _ in range(2))
        self._waiting: deque[_Slot] = deque()
        self._stream = backend.cupy.cuda.Stream(non_blocking=True)

    def clear(self) -> None:
        """Drop the batches that were staged and not taken, once they are copied."""
        if self._waiting:
            self._stream.synchronize()
        self._free.extend(self._waiting)
        self._waiting.clear()

    def stage(self, index: Any) -> None:
        """Send the rows that `index` (a slice, or a host array of numbers) names on their way."""
        slot = self._free.popleft()
        slot.copied.synchronize()
        self._stream.wait_event(slot.taken)
        for array, host, device in zip(self._arrays, slot.host, slot.device, strict=True):
            if isinstance(index, slice):
                slot.rows = index.stop - index.start
                host[: slot.rows] = array[index]
            else:
                slot.rows = len(index)
                array.take(index, axis=0, out=host[: slot.rows], mode="clip")
            device[: slot.rows].set(host[: slot.rows], stream=self._stream)
        self._stream.record(slot.copied)
        self._waiting.append(slot)

    def take(self, places: Sequence[Any]) -> None:
        """Put the batch that was staged first into its places on the device."""
        slot, stream = self._waiting.popleft(), self._cupy.cuda.get_current_stream()
        stream.wait_event(slot.copied)
        for place, device in zip(places, slot.device, strict=True):
            place[...] = device[: slot.rows]
        stream.record(slot.taken)
        self._free.append(slot)
