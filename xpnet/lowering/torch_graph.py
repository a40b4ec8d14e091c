"""A plan's calls as one PyTorch CUDA graph: captured once, then replayed with one launch.

The memory of a plan never moves, so a graph stays valid. Whatever changes between steps (the batch,
its rows, the update's coefficients) is written into that memory before a run, outside the graph.

This module has been tested with a stand-in for ``torch.cuda``. It has not yet run on a GPU.
"""

from collections.abc import Callable, Sequence
from logging import getLogger
from typing import Any

__all__ = ["CapturedCalls"]


class CapturedCalls:
    """Calls that are made one by one in the first run, captured in the second, replayed later.

    The first run lets the libraries choose their kernels and allocate their workspace, which a
    capture must not do. It runs on a stream of its own, as a capture does. Calls that cannot be
    captured (a definition that reads a number, for example) are made one by one in every run.

    Parameters
    ----------
    backend : TorchBackend
    calls : sequence of callable
        The calls, and so their arrays, are kept as long as the graph.
    """

    def __init__(self, backend: Any, calls: Sequence[Callable[[], Any]]) -> None:
        self._cuda, self._device, self._calls = backend.torch.cuda, backend.device, [*calls]
        self._next: Callable[[], None] = self._first
        self._graph: Any = None

    def run(self) -> None:
        """Make all calls, in order with the other work on the current stream."""
        self._next()

    __call__ = run

    def _each(self) -> None:
        for call in self._calls:
            call()

    def _first(self) -> None:
        cuda = self._cuda
        with cuda.device(self._device):
            outside, side = cuda.current_stream(), cuda.Stream()
            side.wait_stream(outside)
            with cuda.stream(side):
                self._each()
            outside.wait_stream(side)
        self._next = self._capture

    def _capture(self) -> None:
        cuda = self._cuda
        graph = cuda.CUDAGraph()
        try:
            # Other threads may use the device meanwhile, for example to predict.
            with cuda.device(self._device), cuda.graph(graph, capture_error_mode="thread_local"):
                self._each()
        except RuntimeError as error:
            self._next = self._each
            reason = " ".join(str(error).split())
            getLogger("xpnet").info("calls are made one by one, without a CUDA graph: %s", reason)
        else:
            self._graph = graph  # keeps the memory that the capture allocated
            self._next = graph.replay
        self._next()  # a capture computes nothing
