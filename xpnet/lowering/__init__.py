"""From recorded calls to what runs: fused and compiled if the backend can, else unchanged.

Kernels record what to compute, one library function per call. Lowering reads a plan's whole list of
calls and turns them into loops (`fuse`). LLVM compiles loops on a CPU; on a GPU they become
kernels, and cuBLASLt computes matrix products. A call that cannot be read runs unchanged, so
correctness never depends on reading.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from logging import getLogger
from typing import Any

from xpnet.backends.base import Backend, PlannedBackend
from xpnet.kernels import Call
from xpnet.lowering.fuse import fuse
from xpnet.lowering.intervals import EVERYTHING, Intervals
from xpnet.lowering.ir import Loop
from xpnet.lowering.reading import Reader

__all__ = ["Loop", "Reader", "fuse", "largest_product", "lower", "steady_threads", "turn"]


def lower(
    backend: PlannedBackend,
    calls: Sequence[Call],
    spare: Iterable[Any],
    kept: Iterable[Any] = (),
) -> list[Callable[[], Any]]:
    """The calls to run in place of the recorded calls.

    Parameters
    ----------
    backend : PlannedBackend
    calls : sequence of Call
    spare : iterable of array
        Memory whose content is not needed after all calls.
    kept : iterable of array
        Parts of `spare` whose content is needed nevertheless.
    """
    if backend.lowering == "none":
        return [call.run for call in calls]
    reader = Reader(backend)
    live = Intervals([EVERYTHING])
    for array in spare:
        live.remove(reader.operand(array).range)
    for array in kept:
        live.add(reader.operand(array).range)
    if backend.lowering == "cuda":
        from xpnet.lowering.cuda.compile_kernels import compile_calls as compile_for_gpu

        gpu: Any = backend
        return compile_for_gpu(gpu, calls, live)
    try:
        from xpnet.lowering.cpu.compile_tasks import compile_calls
    except (ImportError, OSError) as error:  # LLVM's own library cannot be loaded
        _say_once(f"steps are not compiled because llvmlite cannot be imported: {error}")
        return [call.run for call in calls]
    return compile_calls(reader, fuse(reader, calls, live))


@cache
def _say_once(text: str) -> None:
    getLogger("xpnet").warning("%s", text)


def largest_product(backend: PlannedBackend, calls: Iterable[Call]) -> int:
    """Flops of the largest matrix product among recorded calls."""
    reader = Reader(backend)
    return max(map(reader.flops, calls), default=0)


def steady_threads(backend: Backend, flops: int) -> AbstractContextManager[None]:
    """Keep the number of threads that a program needs from one turn to the next.

    Over many turns this is faster than a change in each.

    Parameters
    ----------
    backend : Backend
        Only NumPy's threads can be limited.
    flops : int
        From `largest_product`.
    """
    if backend.name != "numpy":
        return nullcontext()
    from xpnet.lowering.cpu import threads

    return threads.at_most(threads.advice(flops))


def turn(backend: Backend, flops: int) -> AbstractContextManager[None] | None:
    """Run programs with as many threads as their largest product is worth; None if any will do.

    The context may be entered repeatedly. Programs that need another number wait meanwhile, so
    enter it for one run at a time, after the engine's lock.

    Parameters
    ----------
    backend, flops
        As for `steady_threads`.
    """
    if backend.name != "numpy":
        return None
    from xpnet.lowering.cpu import threads

    return threads.turn(flops)
