"""From recorded calls to what is run: fused and compiled where the backend can, else as they are.

Kernels say what is computed, one library function a call. Here a plan's whole list of calls is
read again, together, and calls become loops (`fuse`), which are compiled: by LLVM on a CPU, to
kernels on a GPU, where matrix products are cuBLASLt's.
What cannot be read stays the call that it is, so nothing depends on being read.
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

__all__ = ["Loop", "Reader", "fuse", "largest_product", "limited", "lower", "turn"]


def lower(
    backend: PlannedBackend,
    calls: Sequence[Call],
    spare: Iterable[Any],
    kept: Iterable[Any] = (),
) -> list[Callable[[], Any]]:
    """The calls, as what is to be run in their place.

    Parameters
    ----------
    backend : PlannedBackend
    calls : sequence of Call
    spare : iterable of array
        Memory whose content nobody needs when all calls have run.
    kept : iterable of array
        Parts of it whose content is needed all the same.
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
        _say_once(f"steps are not compiled, llvmlite cannot be imported: {error}")
        return [call.run for call in calls]
    return compile_calls(reader, fuse(reader, calls, live))


@cache
def _say_once(text: str) -> None:
    getLogger("xpnet").warning("%s", text)


def largest_product(backend: PlannedBackend, calls: Iterable[Call]) -> int:
    """Floating-point operations of the largest matrix product among recorded calls."""
    reader = Reader(backend)
    return max(map(reader.operations, calls), default=0)


def limited(backend: Backend, operations: int) -> AbstractContextManager[None]:
    """Keep the threads that a program's turns need from one to the next.

    Where many follow each other it is quicker than to change the number in each.

    Parameters
    ----------
    backend : Backend
        Only NumPy's has threads that can be limited.
    operations : int
        From `largest_product`.
    """
    if backend.name != "numpy":
        return nullcontext()
    from xpnet.lowering.cpu import threads

    return threads.limited(threads.advice(operations))


def turn(backend: Backend, operations: int) -> AbstractContextManager[None] | None:
    """Run programs with as many threads as their largest product is worth; None if any will do.

    It may be entered again and again. Programs that need another number wait meanwhile, so enter
    it for one run at a time, after `Network.lock`.

    Parameters
    ----------
    backend, operations
        As for `limited`.
    """
    if backend.name != "numpy":
        return None
    from xpnet.lowering.cpu import threads

    return threads.turn(operations)
