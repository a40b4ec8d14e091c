"""Sets of bytes against sets of numbers, and the bytes of arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpnet.lowering.intervals import EVERYTHING, Intervals, dense_range, spanned

ends = st.integers(0, 30)
ranges = st.tuples(ends, ends).map(sorted).map(tuple)
changes = st.lists(st.tuples(st.booleans(), ranges), max_size=12)


def changed(steps):
    """A set of intervals and the same set byte by byte."""
    found, wanted = Intervals(), set()
    for adds, (low, high) in steps:
        if adds:
            found.add((low, high))
            wanted |= {*range(low, high)}
        else:
            found.remove((low, high))
            wanted -= {*range(low, high)}
    return found, wanted


@given(changes)
def test_intervals_are_a_set_of_bytes(steps):
    found, wanted = changed(steps)
    assert {i for low, high in found for i in range(low, high)} == wanted


@given(changes)
def test_intervals_are_sorted_and_apart(steps):
    found, _ = changed(steps)
    edges = [edge for interval in found for edge in interval]
    assert edges == sorted({*edges})


@given(changes, ranges)
def test_what_an_interval_meets(steps, other):
    found, wanted = changed(steps)
    assert found.meets(other) == bool(wanted & {*range(*other)})


@given(changes, changes)
def test_a_copy_is_a_set_of_its_own(steps, more):
    found, wanted = changed(steps)
    copied = Intervals(found)
    for _, interval in more:
        copied.remove(interval)
    assert {i for low, high in found for i in range(low, high)} == wanted


def test_everything_without_a_part():
    found = Intervals([EVERYTHING])
    found.remove((100, 200))
    assert [*found] == [(0, 100), (200, EVERYTHING[1])]
    assert not found.meets((100, 200))
    assert found.meets((199, 201))


BASE = np.zeros(400, "float32")
WHOLE = BASE[:24].reshape(2, 3, 4)
ARRAYS = {
    "whole": WHOLE,
    "transposed": WHOLE.T,
    "swapped": WHOLE.swapaxes(0, 1),
    "backwards": WHOLE[::-1, :, ::-1],
    "part of rows": WHOLE[..., 1:3],
    "rows": WHOLE[:, 1:],
    "every second": BASE[10:30:2],
    "every second, backwards": BASE[30:10:-2],
    "one of every row": WHOLE[:, :, 1],
    "repeated": np.broadcast_to(BASE[:3], (4, 3)),
    "repeated each": np.broadcast_to(BASE[:3, None], (3, 4)),
    "a gap and the same again": np.broadcast_to(BASE[:6:3, None], (2, 2)),
    "one number, repeated": np.broadcast_to(BASE[7], (5,)),
    "number": BASE[7:8].reshape(()),
    "one number": BASE[7:8].reshape(1, 1),
    "one row of several": WHOLE[:1, :, :],
    "one column": WHOLE[..., :1],
    "nothing": BASE[:0],
    "no columns": BASE[:0].reshape(3, 0),
}


def bytes_of(array):
    """Every byte of an array, by its elements."""
    start = array.__array_interface__["data"][0]
    found = set()
    for index in np.ndindex(array.shape):
        at = start + sum(i * s for i, s in zip(index, array.strides, strict=True))
        found |= {*range(at, at + array.itemsize)}
    return found


@pytest.mark.parametrize("array", ARRAYS.values(), ids=list(ARRAYS))
def test_the_bytes_of_an_array(array):
    """From the first to the last; a dense array has no other byte in between."""
    address = array.__array_interface__["data"][0]
    looks = (address, array.shape, array.strides, array.itemsize)
    low, high = spanned(*looks)
    wanted = bytes_of(array)
    if wanted:
        assert (low, high) == (min(wanted), max(wanted) + 1)
    else:
        assert low == high
    dense = dense_range(*looks)
    assert dense in (None, (low, high))
    if dense is not None:
        assert wanted == {*range(low, high)}


@pytest.mark.parametrize(
    "name",
    ["whole", "transposed", "swapped", "backwards", "number", "one row of several", "nothing"],
)
def test_arrays_without_gaps_are_dense(name):
    array = ARRAYS[name]
    address = array.__array_interface__["data"][0]
    assert dense_range(address, array.shape, array.strides, array.itemsize) is not None
