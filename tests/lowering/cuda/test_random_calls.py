"""Random lists of calls as kernels of a GPU leave what is needed as the calls would."""

from functools import partial
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xpnet.lowering import Reader, fuse
from xpnet.lowering.cuda.cuda_functions import PRELUDE
from xpnet.lowering.cuda.kernel_kinds import printed
from xpnet.lowering.cuda.launch import BLOCK, Workspace, geometry
from xpnet.lowering.ir import Loop

EXAMPLES = 8  # each is compiled


def _needed(program: Any, spare: Any, kept: Any) -> Any:
    needed = np.ones(program.memory.size, bool)
    for array in spare:
        needed[program.bytes_of(array)] = False
    for array in kept:
        needed[program.bytes_of(array)] = True
    return needed


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck])
@given(data=st.data(), backwards=st.booleans())
def test_random_calls(
    recorded: Any, collect: Any, emulated: Any, data: Any, backwards: bool
) -> None:
    program, spare, kept = data.draw(recorded.programs())
    reader = Reader(program.backend)
    live = collect.live_memory(reader, spare, kept)
    items = fuse(reader, program.calls, live, parallel=True)
    sources = {item: printed(item) for item in items if isinstance(item, Loop)}
    kernels = {source.name: source.code for source in sources.values()}
    launch = partial(emulated.run, emulated.built(PRELUDE, kernels.items()))
    program.begin()
    for item in items:
        if not isinstance(item, Loop):
            with np.errstate(all="ignore"):
                item.run()
            continue
        source = sources[item]
        workspace = Workspace(program.backend, [(source, item)])
        memory = [workspace.parts.ctypes.data, workspace.counters.ctypes.data]
        addresses = [ref.address for ref in item.refs]
        numbers = [item.rows, item.columns, *addresses, *source.numbers, *memory]
        launch(source.name, geometry(source, item), BLOCK, numbers, backwards)
    program.check(_needed(program, spare, kept))
