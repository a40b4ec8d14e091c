"""CUDA graphs: calls that a GPU can replay without the host."""

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock, get_ident
from typing import Any

__all__ = ["Graph", "NotCaptured"]

_CAPTURING = Lock()  # the calls of two threads on one stream would mix


class NotCaptured(Exception):
    """The calls cannot be captured; the message gives the reason."""


class Graph:
    """Some calls, captured and not executed.

    A dedicated stream captures them, because other threads may use the backend's own. The graph
    keeps everything that it uses alive: the calls with their arrays, and memory that the library
    allocates within a call. That memory comes from the graph's own pool, so nothing else uses it.
    It is freed with the graph, once the device has finished its work.

    Parameters
    ----------
    backend : CupyBackend
        Its device must be the current one.
    calls : sequence of callable
        Each must have run before, so that its kernels are compiled.

    Raises
    ------
    NotCaptured
        If a call does something that cannot be captured, such as read a value.
    """

    def __init__(self, backend: Any, calls: Sequence[Callable[[], Any]]) -> None:
        cupy, stream, pool = backend.cupy, backend.capturing, backend.cupy.cuda.MemoryPool()
        self._stream, self._calls = backend.stream, calls
        # A pool keeps what its arrays return, and frees nothing by itself.
        device = cupy.cuda.Device(backend.index)
        weakref.finalize(self, _free, device, pool).atexit = False
        try:
            with (
                _CAPTURING,
                stream,
                cupy.cuda.using_allocator(pool.malloc),
                _nothing_from_the_host(cupy),
            ):
                self._graph = self._capture(stream)
        except NotCaptured:
            raise
        except Exception as error:
            text = " ".join(str(error).split())
            raise NotCaptured(f"{type(error).__name__}: {text}") from error

    def _capture(self, stream: Any) -> Any:
        stream.begin_capture()
        try:
            for call in self._calls:
                call()
        except BaseException:
            with suppress(Exception):  # ends the capture; the error is already known
                stream.end_capture()
            raise
        return stream.end_capture()

    def launch(self) -> None:
        """Launch the graph on the backend's stream."""
        self._graph.launch(self._stream)


def _free(device: Any, pool: Any) -> None:
    """Free a device's memory of a pool; CUDA waits for work that uses it."""
    with device:
        pool.free_all_blocks()


@contextmanager
def _nothing_from_the_host(cupy: Any) -> Iterator[None]:
    """Refuse copies from the host by this thread within a call.

    CuPy copies addresses and numbers from pinned memory that it soon re-uses. A graph would repeat
    the copy with the later contents.
    """
    pool, own = cupy.get_default_pinned_memory_pool(), get_ident()

    def allocate(size: int) -> Any:
        if get_ident() == own:
            raise NotCaptured("a call copies data from the host")
        return pool.malloc(size)

    cupy.cuda.set_pinned_memory_allocator(allocate)
    try:
        yield
    finally:
        cupy.cuda.set_pinned_memory_allocator(pool.malloc)
