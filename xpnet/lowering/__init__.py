"""From recorded calls to what is run: fused and compiled where the backend can, else as they are.

Kernels say what is computed, one library function a call. Here a plan's whole list of calls is
read again, together, and calls become loops (`fuse`), which are compiled: by LLVM on a CPU.
What cannot be read stays the call that it is, so nothing depends on being read.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from xpnet.backends.base import PlannedBackend
from xpnet.kernels import Call
from xpnet.lowering.fuse import fuse
from xpnet.lowering.loop import Loop
from xpnet.lowering.memory import EVERYTHING, Intervals
from xpnet.lowering.reading import Reader

__all__ = ["Loop", "Reader", "fuse", "lower"]


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
    if not backend.compiles:
        return [call.run for call in calls]
    from xpnet.lowering.cpu.compile import compile_calls

    reader = Reader(backend)
    live = Intervals([EVERYTHING])
    for array in spare:
        live.remove(reader.operand(array).range)
    for array in kept:
        live.add(reader.operand(array).range)
    return compile_calls(reader, fuse(reader, calls, live))
