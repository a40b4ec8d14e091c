"""The optimisers' update kernels against their definitions: in place, in blocks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from xpnet import ops
from xpnet.kernels import Recorder, find

TOLERANCE = {"float32": 1e-6, "float64": 1e-15}
GUARD = 16


def guarded(array):
    """A copy of a vector inside a longer one, whose ends must stay as they are."""
    memory = np.full(array.size + 2 * GUARD, 77.0, array.dtype)
    memory[GUARD:-GUARD] = array
    return memory, memory[GUARD : array.size + GUARD]


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("size", [0, 1, 7, 64, 129])
def test_update_in_place(cases, poisoned, rule, size, dtype):
    check(cases, poisoned, rule, size, dtype, ("out",))


def test_fallback_is_the_definition(cases, poisoned, rule):
    """Without a kernel the plain definition is computed and copied into place."""
    check(cases, poisoned, rule, 7, "float64", ())


def check(cases, poisoned, rule, size, dtype, families):
    """Parameters and slots change as by the definition; the gradient may be overwritten."""
    poisoned.block = 64  # several blocks and a rest, in small vectors
    record = ops.UPDATES[rule.name]
    start = cases.vectors(rule, size, dtype)
    numbers = [np.array(c, dtype) for c in rule.coefficients]
    memories, vectors = zip(*map(guarded, start), strict=True)
    recorder = Recorder(poisoned)
    recorder.bind(find(record, families).function, *vectors, *numbers, **rule.static)
    wanted = start
    for _ in range(2):
        poisoned.poison()
        for call in recorder.calls:
            call()
        wanted = record.fn(np, *wanted, *numbers, **rule.static)
        wanted = [wanted[0], start[1], *wanted[2:]]  # a fresh gradient for the second step
        vectors[1][...] = start[1]
        for i, (got, expected) in enumerate(zip(vectors, wanted, strict=True)):
            assert_allclose(got, expected, rtol=TOLERANCE[dtype], err_msg=f"vector {i}")
    for memory in memories:
        assert (memory[:GUARD] == 77).all()
        assert (memory[-GUARD:] == 77).all()


def test_decay_hands_on_the_gradient(cases, poisoned):
    """The one rule whose gradient the next rule reads: g + rate p, with p as it was."""
    p, g = np.array([1.0, -2.0]), np.array([0.5, 0.25])
    recorder = Recorder(poisoned)
    recorder.bind(find(ops.UPDATES["decay"], ("out",)).function, p, g, rate=0.1)
    for call in recorder.calls:
        call()
    assert_allclose(g, [0.6, 0.05])
    assert_allclose(p, [1.0, -2.0])


def test_coefficients_are_read_in_each_run(poisoned):
    """A new learning rate takes effect without binding again."""
    p, g, rate = np.zeros(2), np.ones(2), np.array(1.0)
    recorder = Recorder(poisoned)
    recorder.bind(find(ops.UPDATES["sgd"], ("out",)).function, p, g, rate)
    for value in (1.0, 10.0):
        rate[...], g[...] = value, 1.0
        for call in recorder.calls:
            call()
    assert_allclose(p, [-11.0, -11.0])
