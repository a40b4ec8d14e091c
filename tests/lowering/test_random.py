"""Random lists of calls: as loops, and compiled, they do the same as one by one."""

import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xpnet.lowering import Loop, Reader, fuse, lower
from xpnet.lowering.intervals import EVERYTHING, Intervals

some = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def needed(program, spare, kept):
    """For each byte, whether it is needed after the calls, and the same as intervals."""
    live, reader = Intervals([EVERYTHING]), Reader(program.backend)
    mask = np.ones(program.memory.size, bool)
    for part in spare:
        mask[program.bytes_of(part)] = False
        live.remove(reader.operand(part).range)
    for view in kept:
        mask[program.bytes_of(view)] = True
        live.add(reader.operand(view).range)
    return mask, live


@settings(some, max_examples=400)
@given(st.data(), st.booleans())
def test_random_calls_as_loops(recorded, interpret, data, parallel):
    """For any reads, writes and repeats, with memory shared as in no plan."""
    program, spare, kept = data.draw(recorded.programs())
    mask, live = needed(program, spare, kept)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[fuse.__module__], "_LONG", 8)
        items = fuse(Reader(program.backend), program.calls, live, parallel)
    check_order(items)
    with np.errstate(all="ignore"):
        for item in items:
            interpret(item) if isinstance(item, Loop) else item.run()
    program.check(mask)


@settings(some, max_examples=150)
@given(st.data())
def test_random_calls_compiled(recorded, compiled_backend, data):
    """The same as machine code; a second run gives the same bits."""
    program, spare, kept = data.draw(recorded.programs())
    mask, _ = needed(program, spare, kept)
    steps = lower(compiled_backend, program.calls, spare, kept)
    results = []
    for _ in range(2):
        program.begin()
        with np.errstate(all="ignore"):
            for step in steps:
                step()
        program.check(mask)
        results.append(program.memory.copy())
    np.testing.assert_array_equal(*results)


@settings(some, max_examples=40)
@given(st.data(), st.integers(2, 5))
def test_random_calls_shared(recorded, run_layout, compiled_backend, data, parts):
    """The same by several threads, in any order in which their tasks can come."""
    program, spare, kept = data.draw(recorded.programs())
    mask, _ = needed(program, spare, kept)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("LONG", 8), ("PIECE", 4)):
            patch.setattr(f"xpnet.lowering.cpu.compile_tasks.{name}", value)
        patch.setattr("xpnet.lowering.cpu.long_rows.PIECE", 4)
        steps = lower(compiled_backend, program.calls, spare, kept, threads=parts)
    for seed in range(2):
        program.begin()
        rng = np.random.default_rng(seed)
        with np.errstate(all="ignore"):
            for step in steps:
                run_layout(step.layout, rng) if hasattr(step, "layout") else step()
        program.check(mask)


def check_order(items):
    """Statements come after what they read, and phases never decrease."""
    for loop in (item for item in items if isinstance(item, Loop)):
        seen = set()
        for s in loop.statements:
            assert {a for a in s.args if hasattr(a, "stored")} <= seen
            seen.add(s)
        inner = [s.phase for s in loop.statements if s.level not in ("pre", "post")]
        assert inner == sorted(inner)


def test_random_calls_are_fused_at_all(recorded):
    """The tests above cover what they should."""
    found = {"calls": 0, "items": 0, "phases": 0, "buffers": 0}

    @settings(some, max_examples=300, database=None, derandomize=True)
    @given(recorded.programs())
    def count(made):
        program, spare, kept = made
        items = fuse(Reader(program.backend), program.calls, needed(program, spare, kept)[1])
        loops = [item for item in items if isinstance(item, Loop)]
        found["calls"] += len(program.calls)
        found["items"] += len(items)
        found["phases"] += sum(len(loop.phases) > 1 for loop in loops)
        found["buffers"] += sum(len(loop.buffers) for loop in loops)

    count()
    assert found["items"] < 0.6 * found["calls"]
    assert found["phases"] > 10
    assert found["buffers"] > 0
