"""The recorder and its scratch memory."""

import tracemalloc

import numpy as np
import pytest

from xpnet import ops
from xpnet.errors import GraphError
from xpnet.kernels import Recorder, Scratch, find, kernel
from xpnet.ops.op_registry import UPDATES

ROWS = 65536  # an array of one element a row takes 512 kB
SMALL = 256 * 1024  # NumPy's own buffers for conversions and broadcasts: 64 kB per operand


def peak_of(calls):
    """Additional bytes that a run needs, including temporary ones."""
    for call in calls:
        call()
    tracemalloc.start()
    try:
        for call in calls:
            call()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for call in calls:
            call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_allocations_are_seen():
    """The measure itself: an array that a call creates and drops counts."""
    a = np.zeros(ROWS)
    assert peak_of([lambda: a + 1]) > a.nbytes
    assert peak_of([lambda: np.add(a, 1.0, out=a)]) < SMALL


def test_no_array_is_allocated_in_a_run(applications, new_poisoned, examples, each):
    for case in examples:
        if case.op == "sum_over_processes":
            continue  # what is sent is a copy
        poisoned = new_poisoned()
        for application in applications(case, ROWS, "float64"):
            with each(case, application.record.name):
                recorder = Recorder(poisoned)
                outputs = [np.empty_like(a) for a in application.outputs]
                function = find(application.record, ("out",)).function
                recorder.bind(function, *outputs, *application.inputs, **application.static)
                assert peak_of(recorder.calls) < SMALL


def test_no_array_is_allocated_in_an_update(cases, poisoned, rule):
    vectors = cases.vectors(rule, ROWS, "float64")
    numbers = [np.array(c) for c in rule.coefficients]
    recorder = Recorder(poisoned)
    function = find(UPDATES[rule.name], ("out",)).function
    recorder.bind(function, *vectors, *numbers, **rule.static)
    assert peak_of(recorder.calls) < SMALL


@pytest.mark.smoke
def test_scratch_pieces_of_one_kernel_do_not_overlap(poisoned):
    """Even where the memory has to grow between two pieces."""
    scratch = Scratch(poisoned)
    for count in (1, 100, 0, 3, 5000, 7):
        scratch.reset()
        pieces = [scratch.take((count, i + 1), "float32") for i in range(5)]
        for i, piece in enumerate(pieces):
            piece[...] = i
        assert all((piece == i).all() for i, piece in enumerate(pieces))


def test_scratch_is_reused_by_the_next_kernel(poisoned):
    scratch = Scratch(poisoned)
    first = scratch.take((100,), "float64")
    scratch.reset()
    assert np.shares_memory(first, scratch.take((100,), "float64"))


def test_scratch_gives_empty_arrays_at_first(poisoned):
    """Also before there is any memory: a batch of 0 rows."""
    assert Scratch(poisoned).take((0, 3), "float64").shape == (0, 3)


@pytest.mark.parametrize(("size", "lengths"), [(0, []), (3, [3]), (64, [64]), (130, [64, 64, 2])])
def test_blocks(poisoned, size, lengths):
    poisoned.block = 64
    vector = np.arange(float(size))
    blocks = list(Recorder(poisoned).blocks(vector, -vector))
    assert [part.size for part, *_ in blocks] == lengths
    assert [scratch.size for *_, scratch in blocks] == lengths
    np.testing.assert_array_equal(np.concatenate([vector[:0], *(b[0] for b in blocks)]), vector)
    assert all((a == -b).all() for a, b, _ in blocks)


def test_a_kernel_needs_a_gradient_to_compute():
    with pytest.raises(GraphError, match="accuracy has no gradient with respect to its input 0"):
        kernel(ops.accuracy, vjp=0)
