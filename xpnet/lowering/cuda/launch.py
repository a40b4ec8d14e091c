"""Kernels compiled by NVRTC, which comes with CuPy, and bound to their arguments.

CuPy caches compiled kernels in files, so only the first process on a machine compiles. It adds
``-ftz=true``: as in its own functions, float32 numbers below 1.2e-38 are 0 in a kernel.
"""

import logging
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

from xpnet.backends.cuda import CupyBackend
from xpnet.lowering.cuda.cuda_functions import PRELUDE
from xpnet.lowering.cuda.kernel_source import BLOCK, Source
from xpnet.lowering.ir import Loop

__all__ = ["OPTIONS", "Guarded", "Workspace", "compiled", "geometry", "launch"]

# A product and a sum are rounded twice, as NumPy rounds them.
OPTIONS = ("-std=c++17", "--fmad=false")
_BLOCKS = 2048  # most blocks in a grid: several for each processor of a large GPU
_PASSES = 8  # rows for each thread of a tile, so that each block has enough to combine


@cache
def compiled(cupy: Any, device: int, name: str, code: str) -> Any:
    """A kernel on a device. Raises any error of the compiler."""
    kernel = cupy.RawKernel(PRELUDE + code, name, OPTIONS)
    with cupy.cuda.Device(device):
        kernel.compile()
    return kernel


def geometry(source: Source, loop: Loop) -> tuple[int, int]:
    """Blocks in x and y. They depend only on sizes, so sums are the same on every GPU."""
    rows, columns = loop.rows, loop.columns
    if source.kind == "elements":
        return min(-(-rows * columns // (BLOCK * source.each)), _BLOCKS), 1
    if source.kind == "rows":
        return min(-(-rows * source.team // BLOCK), _BLOCKS), 1
    tiles = -(-columns // source.team)
    return tiles, max(1, min(-(-rows * source.team // (BLOCK * _PASSES)), _BLOCKS // tiles))


class Workspace:
    """Memory in which blocks combine their numbers; kernels use it in turn.

    The counters are 0 before and after every kernel, so that a captured kernel can run again.
    """

    def __init__(self, backend: CupyBackend, kernels: Sequence[tuple[Source, Loop]]) -> None:
        parts, counters = 1, 1
        for source, loop in kernels:
            across, down = geometry(source, loop)
            if source.kind == "tiles":
                parts = max(parts, source.sums * down * loop.columns)
                counters = max(counters, across)
            else:
                parts = max(parts, source.sums * across)
        self.parts = backend.zeros((parts,), "float64")
        self.counters = backend.zeros((counters,), "int32")


def launch(backend: CupyBackend, source: Source, loop: Loop, workspace: Workspace) -> "Guarded":
    """A loop's kernel as a call without arguments."""
    cupy = backend.cupy
    kernel = compiled(cupy, backend.index or 0, source.name, source.code)
    numbers = (loop.rows, loop.columns, *(p.address for p in loop.refs), *source.numbers)
    # 64-bit numbers, as the kernel takes them.
    arguments = (*map(cupy.int64, numbers), workspace.parts, workspace.counters)
    return Guarded(
        partial(kernel, geometry(source, loop), (BLOCK,), arguments),
        lambda: [call.run for call in loop.calls],  # the calls also keep the arrays alive
    )


class Guarded:
    """A kernel, or other calls if it cannot be launched.

    Parameters
    ----------
    kernel : callable
    instead : callable
        Returns calls that do the same.
    """

    def __init__(
        self, kernel: Callable[[], None], instead: Callable[[], Sequence[Callable[[], Any]]]
    ) -> None:
        self._kernel, self._instead = kernel, instead
        self._calls: Sequence[Callable[[], Any]] = [self._first]

    def __call__(self) -> None:
        for call in self._calls:
            call()

    def _first(self) -> None:
        try:
            self._kernel()
            self._calls = [self._kernel]
        except Exception as error:  # refused before it started, so nothing was written
            give_up("launched", error)
            self._calls = self._instead()
            self()


def give_up(what: str, error: Exception) -> None:
    """Log why a kernel is not used, once for each reason."""
    first = (str(error).strip().splitlines() or ["no message"])[0]
    _warn(f"a CUDA kernel cannot be {what}, CuPy's are used: {type(error).__name__}: {first}")


@cache
def _warn(text: str) -> None:
    logging.getLogger("xpnet").warning(text)
