"""Calls that a GPU makes again by itself: a CUDA graph of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock, get_ident
from typing import Any

__all__ = ["Graph", "NotCaptured"]

_CAPTURING = Lock()  # what two threads ask of one stream would be mixed


class NotCaptured(Exception):
    """The calls cannot be made a graph; the message gives the reason."""


class Graph:
    """Some calls, captured instead of being made.

    They are captured on a stream that is used for nothing else, since other threads may work on
    the backend's own. The graph keeps everything that it works with: the calls with their arrays,
    and the memory that the library takes for itself within a call, which comes from a pool of the
    graph's own, so that nobody else is given it.

    Parameters
    ----------
    backend : CupyBackend
        Its device must be the current one.
    calls : sequence of callable
        Each must have been made before, so that its kernels are compiled.

    Raises
    ------
    NotCaptured
        If a call does what cannot be captured, such as reading a value.
    """

    def __init__(self, backend: Any, calls: Sequence[Callable[[], Any]]) -> None:
        cupy, stream = backend.cupy, backend.capturing
        self._stream, self._calls, self._pool = backend.stream, calls, cupy.cuda.MemoryPool()
        try:
            with (
                _CAPTURING,
                stream,
                cupy.cuda.using_allocator(self._pool.malloc),
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
            with suppress(Exception):  # what was wrong is known; this ends the capture
                stream.end_capture()
            raise
        return stream.end_capture()

    def launch(self) -> None:
        """Let the device make the calls, on the backend's stream."""
        self._graph.launch(self._stream)


@contextmanager
def _nothing_from_the_host(cupy: Any) -> Iterator[None]:
    """Refuse what this thread would copy from the host within a call.

    CuPy copies such things (addresses, numbers) from pinned memory that it uses again soon, and a
    graph would copy again, from what is there then.
    """
    pool, own = cupy.get_default_pinned_memory_pool(), get_ident()

    def allocate(size: int) -> Any:
        if get_ident() == own:
            raise NotCaptured("a call copies something from the host")
        return pool.malloc(size)

    cupy.cuda.set_pinned_memory_allocator(allocate)
    try:
        yield
    finally:
        cupy.cuda.set_pinned_memory_allocator(pool.malloc)
