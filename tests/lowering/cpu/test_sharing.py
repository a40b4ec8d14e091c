"""Which units each thread has, and when two accesses need no meeting in between."""

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.each import Each

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

from support.stages import row_access

from xpnet.lowering.cpu.sharing import Access, bounds

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


def test_rows_of_one_array_fit() -> None:
    x = np.zeros((10, 6))
    assert row_access(x).fits(row_access(x))
    assert row_access(x).fits(row_access(x, writes=False))


def test_columns_of_the_same_rows_fit() -> None:
    """A thread finds its rows of both, even where the columns overlap."""
    x = np.zeros((10, 6))
    left, right, middle = row_access(x[:, :3]), row_access(x[:, 3:]), row_access(x[:, 2:4])
    for a, b in product((left, right, middle, row_access(x)), repeat=2):
        assert a.fits(b)
    assert not left.meets(Access(right.high, right.high + 8, 48, 10, True))


def test_windows_of_different_rows_do_not_fit() -> None:
    x = np.zeros((10, 6))
    assert not row_access(x[1:]).fits(row_access(x[:-1]))
    shifted = row_access(x.reshape(-1)[3:57].reshape(9, 6))
    assert not row_access(x[:9]).fits(shifted)
    assert not shifted.fits(row_access(x[:9]))


def test_rows_that_overlap_each_other_do_not_fit() -> None:
    """Rows that begin before the one above ends: two threads write the same bytes."""
    x = np.lib.stride_tricks.as_strided(np.zeros(100), (10, 6), (32, 8))
    assert not row_access(x).fits(row_access(x))


def test_other_units_do_not_fit() -> None:
    x = np.zeros((12, 6))
    assert not row_access(x).fits(row_access(x.reshape(6, 12)))
    assert not row_access(x).fits(row_access(x[:6]))
    whole = Access(row_access(x).low, row_access(x).high, 0, 0, True)
    assert not whole.fits(whole)
    assert not row_access(x).fits(whole)


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
