"""From recorded calls to what runs: fused and compiled if the backend can, else unchanged.

Kernels record what to compute, one library function per call. Lowering reads a plan's whole list of
calls and turns them into loops (`fuse`). LLVM compiles loops on a CPU; on a GPU they become
kernels, and cuBLASLt computes matrix products. A call that cannot be read runs unchanged, so
correctness never depends on reading.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from logging import getLogger
from typing import TYPE_CHECKING, Any, cast

from xpnet.backends.base import Backend, PlannedBackend
from xpnet.kernels import Call
from xpnet.lowering.fuse import fuse
from xpnet.lowering.intervals import EVERYTHING, Intervals
from xpnet.lowering.ir import Loop
from xpnet.lowering.reading import Reader
from xpnet.random import Key

MOST_THREADS = 64  # per program; NumPy's OpenBLAS allows no more callers at once

if TYPE_CHECKING:
    from xpnet.lowering.cpu.pool import Pool
    from xpnet.lowering.cpu.step_program import StepProgram
    from xpnet.lowering.cpu.sweep import Sweep

__all__ = [
    "MOST_THREADS",
    "Loop",
    "Reader",
    "blas_threads",
    "compiled_words",
    "conditions",
    "fuse",
    "largest_product",
    "lower",
    "one_thread",
    "shares",
    "steady_threads",
    "step_program",
    "sweep",
    "turn",
]


def lower(
    backend: PlannedBackend,
    calls: Sequence[Call],
    spare: Iterable[Any],
    kept: Iterable[Any] = (),
    threads: int = 1,
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
    threads : int
        Threads that share the calls, if they are compiled for a CPU.
    """
    if backend.lowering == "none":
        return [call.run for call in calls]
    if backend.lowering == "torch":
        from xpnet.lowering.torch_graph import CapturedCalls

        return [CapturedCalls(backend, [call.run for call in calls])] if calls else []
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
        from xpnet.lowering.cpu.room import NoRoomError
    except (ImportError, OSError) as error:  # LLVM's own library cannot be loaded
        _say_once(f"steps are not compiled because llvmlite cannot be imported: {error}")
        return [call.run for call in calls]
    try:
        return compile_calls(reader, fuse(reader, calls, live), threads)
    except NoRoomError as error:
        _say_once(f"from now on, new kinds of steps may not be compiled: {error}")
        return [call.run for call in calls]


def step_program(
    backend: PlannedBackend,
    compute: Sequence[Callable[[], Any]],
    change: Sequence[Callable[[], Any]],
    flush: tuple[int, Sequence[Callable[[], Any]]],
    **arrays: Any,
) -> "StepProgram | None":
    """Whole steps as one program; None if some call of these plans is not compiled.

    See `xpnet.lowering.cpu.step_program.StepProgram`.
    """
    first, second, last = _whole(compute), _whole(change), _whole(flush[1])
    if first is None or second is None or (flush[1] and last is None):
        return None
    from xpnet.lowering.cpu.room import NoRoomError
    from xpnet.lowering.cpu.step_program import StepProgram

    try:
        return StepProgram(backend, first, second, (flush[0], last), **arrays)
    except NoRoomError:
        return None


def _whole(calls: Sequence[Callable[[], Any]]) -> Any:
    """The program of a plan that is compiled as a whole; else None."""
    return calls[0] if len(calls) == 1 and hasattr(calls[0], "pointing_into") else None


def sweep(calls: Sequence[Callable[[], Any]], own: Sequence[Any]) -> "Sweep | None":
    """A plan run over chunks of large arrays; None if it is not compiled as a whole.

    See `xpnet.lowering.cpu.sweep.Sweep`.
    """
    program = _whole(calls)
    if program is None:
        return None
    from xpnet.lowering.cpu.room import NoRoomError
    from xpnet.lowering.cpu.sweep import Sweep

    try:
        return Sweep(program, own)
    except NoRoomError:
        return None


def compiled_words(backend: Backend, key: Key, count: int) -> Any:
    """The numbers of `random.words`, drawn by compiled code; None if there is none."""
    if backend.lowering == "cuda" and backend.compiles:
        from xpnet.lowering.cuda import philox_cuda

        return philox_cuda.words(cast(Any, backend), key, count)
    if backend.lowering != "cpu":
        return None
    try:
        from xpnet.lowering.cpu.philox_llvm import words
    except (ImportError, OSError):  # see `lower`
        return None
    from xpnet.lowering.cpu.room import NoRoomError

    try:
        return words(key.seed, key.stream, key.step, count)
    except NoRoomError:
        return None


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


def shares(backend: Backend, threads: int | None, rows: int, flops: float) -> int:
    """How many threads share a program on a batch.

    Parameters
    ----------
    backend : Backend
        Only programs compiled for a CPU are shared.
    threads : int or None
        The most threads that may share it; see `thread_count.allowed`.
    rows : int
        Samples of the batch.
    flops : float
        Flops of the program.
    """
    if backend.lowering != "cpu":
        return 1
    from xpnet.lowering.cpu import thread_count

    return thread_count.shares(thread_count.allowed(threads), rows, flops)


def blas_threads(backend: Backend) -> "Pool | None":
    """The BLAS's threads, whose number turns and limits change; None on other backends."""
    return _numpys() if backend.name == "numpy" else None


@cache
def _numpys() -> "Pool":
    from xpnet.lowering.cpu.pool import numpys

    return numpys()


def one_thread(backend: Backend, threads: int | None) -> bool:
    """Whether the user wants one thread; then products use no other threads either."""
    if backend.lowering != "cpu":
        return False
    from xpnet.lowering.cpu import thread_count

    return thread_count.wanted(threads) == 1


def conditions(backend: Backend) -> dict[str, str | int]:
    """What the bits of a backend's results depend on, besides the program and its data."""
    found: dict[str, str | int] = {"backend": backend.name}
    if backend.name == "numpy":
        from xpnet.lowering.cpu.conditions import conditions as of_this_cpu

        return found | of_this_cpu(backend.lowering == "cpu")
    library = sys.modules.get(backend.name.partition(":")[0])
    found |= {"version": str(getattr(library, "__version__", "unknown"))}
    if backend.lowering == "cuda":  # by atomic additions, see `embedding_vjp_w`
        found["gradients of embeddings"] = "added in no fixed order"
    return found


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
