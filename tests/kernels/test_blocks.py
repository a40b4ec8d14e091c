"""Derived kernels of updates on long vectors: in pieces if the result is the same."""

import numpy as np
import pytest

from xpnet.kernels import Recorder, derived, find
from xpnet.ops.op_registry import UPDATES
from xpnet.ops.record import Update

BLOCK, SIZE = 64, 200


def bound(backend, kernel, vectors, numbers, static):
    backend.block = BLOCK
    recorder = Recorder(backend)
    recorder.bind(kernel.function, *vectors, *numbers, **static)
    return recorder


def longest(recorder):
    """Elements of the longest array that a call sees."""
    arrays = [a for c in recorder.calls for a in (*c.args, *c.kwargs.values())]
    return max(a.size for a in arrays if hasattr(a, "size"))


def test_updates_see_one_block_at_a_time(cases, poisoned, rule):
    """All but the one that needs the norm of the whole gradient."""
    vectors = cases.vectors(rule, SIZE, "float32")
    numbers = [np.array(c, "float32") for c in rule.coefficients]
    kernel = find(UPDATES[rule.name], ("out",))
    recorder = bound(poisoned, kernel, vectors, numbers, rule.static)
    assert longest(recorder) == (SIZE if rule.name == "clip_norm" else BLOCK)
    assert len({id(a.base) for a in recorder.borrowed}) <= 2  # blocks share their scratch memory


def test_blocks_have_the_bits_of_the_whole(cases, poisoned, rule):
    record = UPDATES[rule.name]
    start = cases.vectors(rule, SIZE, "float32")
    numbers = [np.array(c, "float32") for c in rule.coefficients]
    left = []
    for in_blocks in (False, True):
        vectors = [v.copy() for v in start]
        kernel = derived(record, in_blocks=in_blocks)
        for call in bound(poisoned, kernel, vectors, numbers, rule.static).calls:
            call()
        left.append([v.tobytes() for v in vectors])
    if record.last:  # the gradient was free to be written over
        del left[0][1], left[1][1]
    assert left[0] == left[1]


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("size", [7, SIZE])
def test_the_gradient_is_scratch_memory_after_the_last_rule(poisoned, last, size):
    start = np.random.default_rng(0).normal(size=(2, size))
    p, g = start.copy()
    record = Update("own", lambda xp, p, g: (p - xp.exp(0.5 * g) * 3, g), last=last)
    recorder = bound(poisoned, find(record, ("out",)), [p, g], [], {})
    for call in recorder.calls:
        call()
    np.testing.assert_array_equal(p, record.fn(np, *start)[0])
    assert (len(recorder.borrowed), (g == start[1]).all()) == ((0, False) if last else (1, True))


def test_a_new_gradient_is_kept_after_the_last_rule_too(poisoned):
    """What a rule returns is what it says."""
    start = np.random.default_rng(0).normal(size=(2, SIZE))
    p, g = start.copy()
    record = Update("own", lambda xp, p, g: (p - 2 * g, g * g), last=True)
    for call in bound(poisoned, find(record, ("out",)), [p, g], [], {}).calls:
        call()
    np.testing.assert_array_equal([p, g], record.fn(np, *start))


def test_an_array_is_cut_once(poisoned):
    """Libraries make a copy if an argument is another view of `out`."""
    p, g = np.ones(SIZE), np.ones(SIZE)
    kernel = find(UPDATES["decay"], ("out",))
    multiply, add, *_ = bound(poisoned, kernel, [p, g], [np.array(0.1)], {}).calls
    assert add.args[1] is multiply.kwargs["out"] or add.args[0] is multiply.kwargs["out"]
    assert any(a is add.kwargs["out"] for a in add.args)


def test_loops_are_not_cut(poisoned):
    p, g = np.ones(SIZE), np.ones(SIZE)
    kernel = find(Update("own", lambda xp, p, g: (p - g, g)), ("loops", "out"))
    assert longest(bound(poisoned, kernel, [p, g], [], {})) == SIZE


@pytest.mark.parametrize(
    ("fn", "cut"),
    [
        (lambda xp, p, g: (p - g / g.shape[0], g), True),
        (lambda xp, p, g: (p * xp.arange(SIZE, dtype=xp.float64), g), True),
        (lambda xp, p, g: (g, p), True),
        (lambda xp, p, g: (xp.where(g > 0, p, xp.zeros_like(p)), g), True),
        (lambda xp, p, g: (p - g / xp.max(g), g), False),
        (lambda xp, p, g: (p - xp.sum(g, axis=0, keepdims=True), g), False),
        (lambda xp, p, g: (p + g[::-1], g), False),
        (lambda xp, p, g: (p * p[3:4], g), False),
        (lambda xp, p, g: (xp.reshape(xp.reshape(p, (2, -1)) * 2, p.shape), g), False),
    ],
)
def test_rules_of_a_user(poisoned, fn, cut):
    """One is cut where each element depends on its own elements alone; it is always right."""
    start = np.random.default_rng(0).normal(size=(2, SIZE))
    p, g = start.copy()
    record = Update("own", fn)
    recorder = bound(poisoned, find(record, ("out",)), [p, g], [], {})
    for call in recorder.calls:
        call()
    wanted = record.fn(np, *start)
    np.testing.assert_array_equal(p, wanted[0])
    np.testing.assert_array_equal(g, wanted[1])
    assert (longest(recorder) <= BLOCK) is cut
