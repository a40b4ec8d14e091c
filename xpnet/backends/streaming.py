"""Stream rows of host arrays to a GPU: one batch is copied while another is in use.

There are two slots. Each has pinned memory on the host, from which a GPU copies by itself, and
memory on the device. A batch is gathered into the pinned memory, copied to the slot on a separate
stream, and then moved to its final memory on the computing stream. Events keep the order: pinned
memory is not refilled before it is copied, and a slot is not overwritten before its last batch is
taken.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

__all__ = ["Streaming"]


class _Slot:
    """Memory for one batch on host and device, and events that signal when it is free."""

    def __init__(self, backend: Any, arrays: Sequence[Any], rows: int) -> None:
        cupy = backend.cupy
        shapes = [(rows, *a.shape[1:]) for a in arrays]
        kinds = [str(a.dtype) for a in arrays]
        self.host = [backend.pinned(s, k) for s, k in zip(shapes, kinds, strict=True)]
        self.device = [cupy.empty(s, dtype=k) for s, k in zip(shapes, kinds, strict=True)]
        self.copied = cupy.cuda.Event(disable_timing=True)
        self.taken = cupy.cuda.Event(disable_timing=True)
        self.rows = 0
        # Earlier calls may still use this memory.
        cupy.cuda.get_current_stream().record(self.taken)


class Streaming:
    """Batches of host arrays for a device; see the module.

    Parameters
    ----------
    backend : CupyBackend
    arrays : sequence of numpy array
        All with the same number of rows; they may be memory-mapped files.
    rows : int
        Rows of the largest batch.
    """

    def __init__(self, backend: Any, arrays: Sequence[Any], rows: int) -> None:
        self._arrays, self._cupy = arrays, backend.cupy
        self._free = deque(_Slot(backend, arrays, rows) for _ in range(2))
        self._waiting: deque[_Slot] = deque()
        self._stream = backend.cupy.cuda.Stream(non_blocking=True)

    def clear(self) -> None:
        """Drop the batches that were staged but not taken, after their copies."""
        if self._waiting:
            self._stream.synchronize()
        self._free.extend(self._waiting)
        self._waiting.clear()

    def stage(self, index: Any) -> None:
        """Start the copy of the rows at `index`, a slice or a host array of indices."""
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

    def take(self, targets: Sequence[Any]) -> None:
        """Move the batch that was staged first to its memory on the device."""
        slot, stream = self._waiting.popleft(), self._cupy.cuda.get_current_stream()
        stream.wait_event(slot.copied)
        for target, device in zip(targets, slot.device, strict=True):
            target[...] = device[: slot.rows]
        stream.record(slot.taken)
        self._free.append(slot)
