"""Which units each thread has, and when two accesses need no meeting in between."""

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.each import Each

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

from support.stages import run_item, shared_items

from xpnet.kernels.loops import draw
from xpnet.lowering.cpu.jit import Program
from xpnet.lowering.cpu.philox_llvm import Draw
from xpnet.lowering.cpu.product_task import Product
from xpnet.lowering.cpu.shared_loops import Rows, Vector
from xpnet.lowering.cpu.sharing import Access, Item, bounds

COUNTS = [0, 1, 2, 3, 5, 16, 17, 50, 63, 64, 127, 128, 129, 1000, 4096, 99_999, 2**20 + 1]
PARTS = [1, 2, 3, 5, 8, 256]


# --- units ----------------------------------------------------------------------------------------


def test_each_unit_is_in_one_share_in_order(each: Each) -> None:
    for count, parts in product(COUNTS, PARTS):
        with each(count=count, parts=parts):
            limits = bounds(count, parts)
            assert len(limits) == parts + 1
            assert (limits[0], limits[-1]) == (0, count)
            assert limits == sorted(limits)


def test_shares_are_alike(each: Each) -> None:
    """They differ from an exact share by one unit or 1/32, and by 16 units at most."""
    for count, parts in product(COUNTS, PARTS):
        with each(count=count, parts=parts):
            exact = count / parts
            for start, stop in pairwise(bounds(count, parts)):
                assert abs(stop - start - exact) <= min(16, max(1, exact / 32))


def test_large_shares_begin_where_vector_registers_do() -> None:
    assert all(limit % 16 == 0 for limit in bounds(9999, 3)[:-1])
    assert bounds(50, 3) == [0, 17, 33, 50]


def test_fewer_units_than_threads() -> None:
    assert sorted(b - a for a, b in pairwise(bounds(3, 5))) == [0, 0, 1, 1, 1]


# --- accesses -------------------------------------------------------------------------------------


def rows(array: Any, writes: bool = True) -> Access:
    """The access of threads that share the rows of an array."""
    start, step = array.__array_interface__["data"][0], array.strides[0]
    inner = array.strides[1] * (array.shape[1] - 1) + array.itemsize
    return Access(start, start + (len(array) - 1) * step + inner, step, len(array), writes)


def test_rows_of_one_array_fit() -> None:
    x = np.zeros((10, 6))
    assert rows(x).fits(rows(x))
    assert rows(x).fits(rows(x, writes=False))


def test_columns_of_the_same_rows_fit() -> None:
    """A thread finds its rows of both, even where the columns overlap."""
    x = np.zeros((10, 6))
    left, right, middle = rows(x[:, :3]), rows(x[:, 3:]), rows(x[:, 2:4])
    for a, b in product((left, right, middle, rows(x)), repeat=2):
        assert a.fits(b)
    assert not left.meets(Access(right.high, right.high + 8, 48, 10, True))


def test_windows_of_different_rows_do_not_fit() -> None:
    x = np.zeros((10, 6))
    assert not rows(x[1:]).fits(rows(x[:-1]))
    shifted = rows(x.reshape(-1)[3:57].reshape(9, 6))
    assert not rows(x[:9]).fits(shifted)
    assert not shifted.fits(rows(x[:9]))


def test_rows_that_overlap_each_other_do_not_fit() -> None:
    """Rows that begin before the one above ends: two threads write the same bytes."""
    x = np.lib.stride_tricks.as_strided(np.zeros(100), (10, 6), (32, 8))
    assert not rows(x).fits(rows(x))


def test_other_units_do_not_fit() -> None:
    x = np.zeros((12, 6))
    assert not rows(x).fits(rows(x.reshape(6, 12)))
    assert not rows(x).fits(rows(x[:6]))
    whole = Access(rows(x).low, rows(x).high, 0, 0, True)
    assert not whole.fits(whole)
    assert not rows(x).fits(whole)


def access(low: int, unit: int, count: int, width: int, writes: bool) -> Access:
    return Access(low, low + (count - 1) * unit + width, unit, count, writes)


@st.composite
def pairs(draw: Any) -> tuple[Access, Access]:
    """Two accesses to a few bytes, most often shared by the same units."""
    lows, units, counts, widths = (st.integers(*ends) for ends in ((0, 9), (0, 6), (1, 7), (1, 7)))
    unit, count = draw(units), draw(counts)
    first = access(draw(lows), unit, count, draw(widths), draw(st.booleans()))
    if draw(st.integers(0, 3)) == 0:
        unit, count = draw(units), draw(counts)
    return first, access(draw(lows), unit, count, draw(widths), draw(st.booleans()))


def bytes_of(access: Access, parts: int) -> list[set[int]]:
    """The bytes that each thread accesses."""
    width = access.high - access.low - (access.count - 1) * access.unit
    return [
        {access.low + n * access.unit + i for n in range(start, stop) for i in range(width)}
        for start, stop in pairwise(bounds(access.count, parts))
    ]


@given(pairs(), st.integers(2, 5))
def test_what_fits_is_apart(pair: tuple[Access, Access], parts: int) -> None:
    """No thread finds a byte of another thread's."""
    a, b = pair
    if a.fits(b):
        assert b.fits(a)
        mine, theirs = bytes_of(a, parts), bytes_of(b, parts)
        assert not any(mine[i] & theirs[j] for i in range(parts) for j in range(parts) if i != j)


def test_what_meets(each: Each) -> None:
    """Where both have bytes, and one of them writes."""
    for low, size, writes in product(range(9), range(1, 5), (False, True)):
        with each(low=low, size=size, writes=writes):
            a, b = Access(4, 7, 0, 0, True), Access(low, low + size, 0, 0, writes)
            common = {4, 5, 6} & {*range(low, low + size)}
            assert a.meets(b) == b.meets(a) == bool(common)
            reading = Access(4, 7, 0, 0, False)
            assert reading.meets(b) == b.meets(reading) == bool(common and writes)


# --- items ----------------------------------------------------------------------------------------


def array(*shape: int, dtype: str = "float32") -> Any:
    """Small whole numbers of both signs, so that every sum is exact."""
    size = int(np.prod(shape))
    return (np.arange(size) * 5 % 7 - 3).astype(dtype).reshape(shape)


def check(record: Any, *arrays: Any, kinds: list[type[Item]], parts: int) -> None:
    """What threads compute in shares is what the calls compute."""
    calls, items = shared_items(record, arrays, parts)
    assert [type(item) for item in items] == kinds
    before = [a.copy() for a in arrays]
    for call in calls:
        call.run()
    wanted = [a.copy() for a in arrays]
    for a, start in zip(arrays, before, strict=True):
        a[...] = start
    for item in items:
        run_item(item, parts)
    for a, expected in zip(arrays, wanted, strict=True):
        np.testing.assert_array_equal(a, expected)


def test_elements(each: Each) -> None:
    for size, dtype, parts in product((2, 7, 5000), ("float32", "float64"), (2, 3, 5)):
        with each(size, dtype, parts=parts):
            x, y = array(size, dtype=dtype), array(size, dtype=dtype)
            check(lambda k, x, y: k(k.raw.multiply, x, y, out=y), x, y, kinds=[Vector], parts=parts)


def test_rows_with_something_of_each(each: Each) -> None:
    def record(k: Any, x: Any, top: Any, y: Any) -> None:
        k(k.raw.max, x, axis=-1, out=top, keepdims=True)
        k(k.raw.subtract, x, top, out=y)

    for count, parts in product((2, 17, 200), (2, 3, 5)):
        with each(rows=count, parts=parts):
            x, top, y = array(count, 6), array(count, 1), array(count, 6)
            check(record, x, top, y, kinds=[Rows], parts=parts)


def test_rows_of_a_product(each: Each) -> None:
    """As it lies and transposed; a thread with one row needs another function of BLAS."""
    for count, parts, transposed in product((1, 2, 3, 17), (2, 3, 5), (False, True)):
        with each(rows=count, parts=parts, transposed=transposed):
            a = array(6, count).T if transposed else array(count, 6)
            b, out = array(6, 4), array(count, 4)
            check(product_of, a, b, out, kinds=[Product], parts=parts)


def test_rows_of_a_product_of_a_matrix_with_itself(each: Each) -> None:
    """Each thread has its own rows of the first, and all of the second."""
    for count, parts in product((4, 6, 17), (2, 3)):
        with each(rows=count, parts=parts):
            x, out = array(count, 5), array(count, count)
            check(product_of, x, x.T, out, kinds=[Product], parts=parts)


def product_of(k: Any, a: Any, b: Any, out: Any) -> None:
    k(k.raw.matmul, a, b, out=out)


def test_a_product_reads_what_its_rows_need() -> None:
    """Its own rows of the first matrix, unless these are the columns of what lies there."""
    b, out = array(6, 4), array(10, 4)
    for a, unit in ((array(10, 6), 24), (array(10, 9)[:, :6], 36), (array(6, 10).T, 0)):
        _, (item,) = shared_items(product_of, (a, b, out), 2)
        assert item.shared is not None
        first, second, third = item.shared
        assert (first.unit, first.count, first.writes) == (16, 10, True)
        assert (second.unit, second.writes) == (unit, False)
        assert (third.unit, third.writes) == (0, False)


def test_random_words(each: Each) -> None:
    """Threads share blocks of four, whose words are far from each other."""
    for blocks, parts in product((1, 2, 7, 100), (2, 3, 5)):
        with each(blocks=blocks, parts=parts):
            out, step = np.zeros(4 * blocks, "uint32"), np.array(9)
            _, (item,) = shared_items(
                lambda k, step, out: k(draw, k.raw, step, (3, 4), out=out), (step, out), parts
            )
            assert isinstance(item, Draw)
            Program([item.task()]).run()
            whole = out.copy()
            assert len({*whole.tolist()}) > 2
            out[:] = 0
            run_item(item, parts)
            np.testing.assert_array_equal(out, whole)


# --- runs of a vector -----------------------------------------------------------------------------


def a_vector(size: int) -> tuple[Any, Vector]:
    """An array, and the addition of 1 to each of its elements."""
    x = np.zeros(size, "float32")
    _, (item,) = shared_items(lambda k, x: k(k.raw.add, x, 1, out=x), (x,), 2)
    assert isinstance(item, Vector)
    return x, item


def test_a_vector_is_cut_where_matrices_lie_in_it() -> None:
    """Each run is then shared by the matrix's rows, so that threads need not meet."""
    x, item = a_vector(100)
    first, second = x[10:40].reshape(5, 6), x[40:80].reshape(20, 2)
    runs = item.cut([rows(second), rows(first)])
    found = [run.shared for run in runs]
    place = x.ctypes.data
    ends = [((a.low - place) // 4, (a.high - place) // 4, a.unit) for (a,) in found if a]
    assert ends == [(0, 10, 4), (10, 40, 24), (40, 80, 8), (80, 100, 4)]
    assert runs[1].shared[0].fits(rows(first))
    assert runs[2].shared[0].fits(rows(second))


def test_what_does_not_lie_in_a_vector_cuts_nothing(each: Each) -> None:
    x, item = a_vector(100)
    other = np.zeros((5, 6), "float32")
    for name, found in {
        "elsewhere": [rows(other)],
        "overlapping": [rows(x[:30].reshape(5, 6)), rows(x[20:50].reshape(5, 6))],
        "gaps": [rows(x[:60].reshape(5, 12)[:, :6])],
        "beyond its end": [Access(x.ctypes.data + 8, x.ctypes.data + 488, 8, 60, True)],
        "begins between elements": [Access(x.ctypes.data + 2, x.ctypes.data + 42, 8, 5, True)],
        "units between elements": [Access(x.ctypes.data, x.ctypes.data + 40, 10, 4, True)],
    }.items():
        with each(name):
            assert [run.shared for run in item.cut(found)] == [item.shared]


def test_the_runs_do_each_element_once(each: Each) -> None:
    for parts in (1, 2, 3, 5, 40):
        with each(parts=parts):
            x, item = a_vector(100)
            for run in item.cut([rows(x[10:40].reshape(5, 6)), rows(x[40:80].reshape(20, 2))]):
                run_item(run, parts)
            np.testing.assert_array_equal(x, np.ones(100))
            for run in item.cut([rows(x[10:40].reshape(5, 6))]):
                Program([run.task()]).run()
            np.testing.assert_array_equal(x, np.full(100, 2))
