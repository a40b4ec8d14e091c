"""Recorded calls on a GPU: cuBLASLt for products, kernels for loops and noise, else unchanged."""

from collections.abc import Callable, Sequence
from typing import Any

from xpnet.backends.cuda import CupyBackend
from xpnet.kernels import Call
from xpnet.lowering.cuda.kernel_kinds import printed
from xpnet.lowering.cuda.kernel_source import Source
from xpnet.lowering.cuda.launch import Workspace, give_up, launch
from xpnet.lowering.cuda.philox_cuda import draw_call
from xpnet.lowering.cuda.products import lower_products
from xpnet.lowering.fuse import fuse
from xpnet.lowering.intervals import Intervals
from xpnet.lowering.ir import Loop
from xpnet.lowering.reading import Reader

__all__ = ["compile_calls"]


def compile_calls(
    backend: CupyBackend, calls: Sequence[Call], live: Intervals
) -> list[Callable[[], Any]]:
    """The calls to run in place of these calls.

    Parameters
    ----------
    backend : CupyBackend
    calls : sequence of Call
    live : Intervals
        The bytes whose content is needed after all calls.
    """
    calls = lower_products(backend, calls, live)
    if not backend.compiles:
        return [call.run for call in calls]
    reader = Reader(backend)
    items = fuse(reader, calls, live, parallel=True)
    sources = [(printed(item), item) for item in items if isinstance(item, Loop)]
    workspace = Workspace(backend, sources)
    kernels = {loop: _kernel(backend, source, loop, workspace) for source, loop in sources}
    result: list[Callable[[], Any]] = []
    for item in items:
        if isinstance(item, Loop):
            result += kernels[item]
        else:
            result.append(draw_call(backend, reader, item) or item.run)
    return result


def _kernel(
    backend: CupyBackend, source: Source, loop: Loop, workspace: Workspace
) -> list[Callable[[], Any]]:
    """A loop's kernel, or the loop's calls if it cannot be compiled."""
    try:
        return [launch(backend, source, loop, workspace)]
    except Exception as error:
        give_up("compiled", error)
        return [call.run for call in loop.calls]
