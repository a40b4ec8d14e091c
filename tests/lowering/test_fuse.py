"""Which calls become one loop, and that loops compute what the calls do."""

from itertools import product

import numpy as np
import pytest

from xpnet.backends.cpu import NumpyBackend
from xpnet.kernels import Recorder
from xpnet.lowering import Loop, Reader, fuse, lower
from xpnet.lowering.intervals import EVERYTHING, Intervals

BACKEND = NumpyBackend()


def array(*shape, dtype="float32"):
    """Small whole numbers of both signs, so that every sum is exact."""
    size = int(np.prod(shape))
    return (np.arange(size) * 5 % 7 - 3).astype(dtype).reshape(shape)


def fused(record, arrays, spare=()):
    """The loops and calls made from the calls that ``record(k, *arrays)`` records."""
    k = Recorder(BACKEND)
    record(k, *arrays)
    reader, live = Reader(BACKEND), Intervals([EVERYTHING])
    for memory in spare:
        live.remove(reader.operand(memory).range)
    return k.calls, fuse(reader, k.calls, live)


def names(items):
    """The statements of each loop, and the name of each remaining call."""
    return [
        [s.name for s in item.statements] if isinstance(item, Loop) else item.fn.__name__
        for item in items
    ]


@pytest.fixture
def check(interpret):
    """``check(record, *arrays, spare=...)``: needed memory is equal; returns the loops."""

    def same(record, *arrays, spare=()):
        calls, items = fused(record, arrays, spare)
        before = [a.copy() for a in arrays]

        def after(steps):
            for a, start in zip(arrays, before, strict=True):
                a[...] = start
            with np.errstate(all="ignore"):
                for step in steps:
                    step()
            return [a.copy() for a in arrays if not any(a is s for s in spare)]

        wanted = after([call.run for call in calls])
        loops = [(lambda x=x: interpret(x)) if isinstance(x, Loop) else x.run for x in items]
        for got, expected in zip(after(loops), wanted, strict=True):
            np.testing.assert_array_equal(got, expected)
        return items

    return same


# --- calls in one loop --------------------------------------------------------------------------


def test_a_chain_is_one_loop_over_one_row(check):
    def record(k, x, y, s):
        k(k.raw.multiply, x, 2, out=s)
        k(k.raw.add, s, y, out=s)
        k(k.raw.maximum, s, 0, out=y)

    x, y, s = (array(3, 4) for _ in range(3))
    (loop,) = check(record, x, y, s, spare=[s])
    assert (loop.rows, loop.columns) == (1, 12)
    assert [st.stored for st in loop.statements] == [False, False, True]


@pytest.mark.smoke
def test_a_softmax_is_one_loop_of_three_phases(check):
    def record(k, z, p, column):
        k(k.raw.max, z, axis=-1, out=column, keepdims=True)
        k(k.raw.subtract, z, column, out=p)
        k(k.raw.exp, p, out=p)
        k(k.raw.sum, p, axis=-1, out=column, keepdims=True)
        k(k.raw.divide, p, column, out=p)

    z, p, column = array(4, 5), array(4, 5), array(4, 1)
    (loop,) = check(record, z, p, column, spare=[column])
    assert (loop.rows, loop.columns, len(loop.phases)) == (4, 5, 3)
    assert [s.phase for s in loop.statements] == [0, 1, 1, 1, 2]


@pytest.mark.parametrize("bias", [(4,), (1, 4)])
def test_a_bias_and_its_gradient(check, bias):
    def record(k, x, b, g):
        k(k.raw.add, x, b, out=x)
        k(k.raw.sum, x, axis=0, out=g, keepdims=len(g.shape) == 2)

    (loop,) = check(record, array(3, 4), array(*bias), array(*bias))
    assert [s.level for s in loop.statements] == ["full", "column"]


def test_a_mean_over_all(check):
    """The number is complete after the last row; statements that read it come after."""

    def record(k, x, square, total, mean):
        k(k.raw.multiply, x, x, out=square)
        k(k.raw.sum, square, axis=None, out=total)
        k(k.raw.divide, total, 12, out=mean)

    arrays = array(3, 4), array(3, 4), array(), array()
    (loop,) = check(record, *arrays, spare=[arrays[1], arrays[2]])
    assert [s.level for s in loop.statements] == ["full", "total", "post"]


def test_a_coefficient_is_computed_before_the_rows(check):
    def record(k, rate, scaled, p, g):
        k(k.raw.multiply, rate, -2, out=scaled)
        k(k.raw.multiply, g, scaled, out=g)
        k(k.raw.add, p, g, out=p)

    (loop,) = check(record, array(), array(), array(9), array(9))
    assert [s.level for s in loop.statements] == ["pre", "full", "full"]


def test_leading_dimensions_are_rows(check):
    def record(k, x, column):
        k(k.raw.max, x, axis=-1, out=column)
        k(k.raw.subtract, x, column.reshape(2, 3, 1), out=x)

    (loop,) = check(record, array(2, 3, 4), array(2, 3))
    assert (loop.rows, loop.columns) == (6, 4)


# --- calls in separate loops ----------------------------------------------------------------------


def test_other_rows_and_columns_begin_another_loop(check):
    def record(k, x, y):
        k(k.raw.negative, x, out=x)
        k(k.raw.negative, y, out=y)

    assert names(check(record, array(3, 4), array(4, 3))) == [["negative"], ["negative"]]


def test_an_unknown_call_is_a_barrier(check):
    """Results before it are written, because it may read everything."""

    def record(k, x, s, y):
        k(k.raw.multiply, x, 2, out=s)
        k(np.square, x, out=y)
        k(k.raw.add, y, 1, out=y)

    arrays = array(5), array(5), array(5)
    items = check(record, *arrays, spare=[arrays[1]])
    assert names(items) == [["multiply"], "square", ["add"]]
    assert items[0].statements[0].stored


def test_a_product_reads_what_is_in_front_of_it(check):
    def record(k, x, s, t, w, y):
        k(k.raw.add, x, 1, out=s)
        k(k.raw.add, x, 2, out=t)
        k(k.raw.matmul, s, w, out=y)

    arrays = array(3, 4), array(3, 4), array(3, 4), array(4, 2), array(3, 2)
    items = check(record, *arrays, spare=arrays[1:3])
    assert names(items) == [["add"], "matmul"]


@pytest.mark.parametrize("shift", [1, 4, 5])
def test_memory_that_overlaps_otherwise(check, shift):
    """Part of another array, shifted by one element."""
    memory = array(40)
    x, y, z = memory[:12], memory[shift : shift + 12], array(12)

    def record(k, x, y, z):
        k(k.raw.negative, z, out=y)
        k(k.raw.add, x, 1, out=z)

    k = Recorder(BACKEND)
    record(k, x, y, z)
    items = fuse(Reader(BACKEND), k.calls, Intervals([EVERYTHING]))
    assert names(items) == [["negative"], ["add"]]


def test_a_transposed_array_over_itself(check):
    """Square, so that rows and columns have the same length."""
    x = array(3, 3)

    def record(k, x, y):
        k(k.raw.negative, x, out=x)
        k(k.raw.copyto, y, x.T)

    assert names(check(record, x, array(3, 3))) == [["negative"], ["copy"]]


def test_as_many_rows_as_columns(check):
    """One number per row and one per column have the same shape here."""

    def record(k, x, r, c):
        k(k.raw.sum, x, axis=1, out=r)
        k(k.raw.sum, x, axis=0, out=c)
        k(k.raw.subtract, x, r.reshape(3, 1), out=x)
        k(k.raw.add, r, 1, out=r)

    items = check(record, array(3, 3), array(3), array(3))
    assert [s.level for s in items[0].statements] == ["row", "column", "full", "row"]


def test_one_number_a_row_read_as_one_a_column(check):
    def record(k, x, r, y):
        k(k.raw.sum, x, axis=1, out=r)
        k(k.raw.add, x, r, out=y)

    assert names(check(record, array(3, 3), array(3), array(3, 3))) == [["sum"], ["add"]]


def test_a_sum_over_rows_is_not_read_in_its_loop(check):
    def record(k, x, c):
        k(k.raw.sum, x, axis=0, out=c)
        k(k.raw.subtract, x, c, out=x)

    assert names(check(record, array(3, 4), array(4))) == [["sum"], ["subtract"]]


# --- order ---------------------------------------------------------------------------------------


def test_a_number_that_is_read_and_then_changed(check):
    """The second product must not see the new rate, nor the first one the old."""

    def record(k, rate, x, y, z):
        k(k.raw.multiply, x, rate, out=y)
        k(k.raw.add, rate, 1, out=rate)
        k(k.raw.multiply, x, rate, out=z)

    check(record, np.full((), 2, "float32"), *(array(2, 6) for _ in range(3)))


def test_a_number_whose_place_is_used_twice(check):
    def record(k, a, slot, x, y, z):
        k(k.raw.multiply, a, 2, out=slot)
        k(k.raw.multiply, x, slot, out=y)
        k(k.raw.multiply, a, 3, out=slot)
        k(k.raw.multiply, x, slot, out=z)

    check(record, np.full((), 2, "float32"), array(), *(array(2, 6) for _ in range(3)))


def test_a_total_whose_place_is_used_twice(check):
    def record(k, x, y, slot, a, b):
        for source, out in ((x, a), (y, b)):
            k(k.raw.sum, source, axis=None, out=slot)
            k(k.raw.add, slot, 1, out=out)

    arrays = array(3, 4), array(3, 4) + 1, array(), array(), array()
    assert len(check(record, *arrays, spare=[arrays[2]])) == 1


def test_what_is_overwritten_before_anyone_reads_it(check):
    def record(k, x, y):
        k(k.raw.exp, x, out=y)
        k(k.raw.negative, x, out=y)

    (loop,) = check(record, array(5), array(5))
    assert names([loop]) == [["negative"]]


def test_all_that_nobody_needs_is_gone(check):
    def record(k, x, s):
        k(k.raw.exp, x, out=s)

    x, s = array(5), array(5)
    assert check(record, x, s, spare=[s]) == []


def test_what_is_kept_within_memory_that_is_not(compiled_backend):
    """`kept` wins over `spare`."""
    memory = np.zeros(8)
    k = Recorder(BACKEND)
    k(k.raw.add, array(4, dtype="float64"), 1, out=memory[:4])
    k(k.raw.add, array(4, dtype="float64"), 2, out=memory[4:])
    for run in lower(compiled_backend, k.calls, [memory], [memory[4:]]):
        run()
    assert (memory[:4] == 0).all()
    assert (memory[4:] == array(4) + 2).all()


def test_a_masked_write_needs_what_was_there(check):
    """A store before a masked one is not dead."""

    def record(k, x, mask, y):
        k(k.raw.multiply, x, 2, out=y)
        k(k.raw.copyto, y, 7, where=mask)

    (loop,) = check(record, array(6), array(6) > 0, array(6))
    assert names([loop]) == [["multiply", "where"]]


@pytest.mark.parametrize("barrier", [False, True])
def test_a_call_with_a_mask_of_its_own(check, barrier):
    """``add(..., where=mask)`` leaves some numbers unchanged: the store before is needed."""

    def record(k, x, mask, y):
        k(k.raw.multiply, x, 2, out=y)
        if barrier:
            k(k.raw.matmul, array(2, 2), array(2, 2), out=array(2, 2))
        k(k.raw.add, x, 1, out=y, where=mask)

    check(record, array(6), array(6) > 0, array(6))


# --- memory within a loop ------------------------------------------------------------------------


def two_phases(k, x, s, column, y):
    k(k.raw.multiply, x, 2, out=s)
    k(k.raw.max, s, axis=-1, out=column)
    k(k.raw.subtract, s, column.reshape(-1, 1), out=y)


@pytest.mark.parametrize("spare", [False, True])
def test_what_a_later_phase_reads(check, spare):
    """It is written; if nobody else needs it, all rows share one row of memory."""
    x, s, column, y = array(4, 5), array(4, 5), array(4), array(4, 5)
    (loop,) = check(two_phases, x, s, column, y, spare=[s, column] if spare else [])
    (product,) = [st for st in loop.statements if st.name == "multiply"]
    assert product.stored
    assert loop.buffers == ({product.ref} if spare else set())


def test_no_buffer_of_what_was_there_before(check):
    """In place: each row must find its own numbers."""

    def record(k, x, column, y):
        two_phases(k, x, x, column, y)

    x, column, y = array(4, 5), array(4), array(4, 5)
    (loop,) = check(record, x, column, y, spare=[x, column])
    assert not loop.buffers


def test_two_buffers_in_one_place(check):
    def record(k, x, s, column, y):
        two_phases(k, x, s, column, s)
        k(k.raw.sum, s, axis=-1, out=column)
        k(k.raw.multiply, s, column.reshape(-1, 1), out=y)

    x, s, column, y = array(4, 5), array(4, 5), array(4), array(4, 5)
    (loop,) = check(record, x, s, column, y, spare=[s, column])
    assert len(loop.buffers) == 1


def test_gaps_are_left_alone(check):
    memory = array(4, 10)
    part = memory[:, 2:7]

    def record(k, memory, x):
        k(k.raw.add, part, x, out=part)
        k(k.raw.maximum, part, 0, out=part)

    (loop,) = check(record, memory, array(4, 5))
    assert (loop.rows, loop.columns) == (4, 5)


# --- the smallest arrays -------------------------------------------------------------------------


def test_a_sum_over_the_rows_of_one_column(check):
    """The sum is one number that later statements can read."""

    def record(k, x, total, root):
        k(k.raw.sum, x, axis=0, out=total)
        k(k.raw.multiply, total, 2, out=root)

    arrays = array(4, 1), array(1), array(1)
    check(record, *arrays, spare=[arrays[1]])


def test_a_column_and_a_number_a_row_in_the_same_place(check):
    """With one column both are the same memory, but they are not computed at the same time."""

    def record(k, x, column, y):
        k(k.raw.multiply, x, 2, out=x)
        k(k.raw.sum, x, axis=-1, out=column)
        k(k.raw.subtract, x, column.reshape(3, 1), out=y)
        k(k.raw.copyto, x.reshape(3), 5)

    check(record, array(3, 1), array(3), array(3, 1))


def test_reductions_of_one_row_or_column(check, each):
    shapes, axes = ((1, 5), (5, 1), (1, 1), (2, 1), (1, 2)), (0, -1, None, (0, 1))
    for shape, axis, keepdims in product(shapes, axes, (False, True)):
        how = {"axis": axis, "keepdims": keepdims}

        def record(k, x, s, y, how=how):
            k(k.raw.add, x, 1, out=x)
            k(k.raw.sum, x, out=s, **how)
            k(k.raw.multiply, s, 2, out=s)
            k(k.raw.add, s, 1, out=y)
            k(k.raw.negative, x, out=x)

        with each(shape, **how):
            out = np.sum(array(*shape), **how)
            check(record, array(*shape), np.zeros_like(out), np.zeros_like(out))


def test_the_sum_of_one_row_over_itself(check):
    """The sum accumulates in this memory, so it must not be zeroed while its terms are there."""

    def record(k, x):
        k(k.raw.sum, x, axis=0, out=x[0])

    check(record, array(1, 5))


def test_a_repeated_number_is_summed_up_as_often(check):
    def record(k, number, total):
        k(k.raw.sum, np.broadcast_to(number, (3, 4)), axis=None, out=total)

    check(record, np.full((), 2, "float32"), array())


def test_nothing(check):
    def record(k, x, total):
        k(k.raw.negative, x, out=x)
        k(k.raw.sum, x, axis=0, out=total)

    assert names(check(record, array(0, 4), array(4))) == ["negative", "reduce"]
