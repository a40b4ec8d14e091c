"""Loops that threads share: each element and each row is done once."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from support.each import Each

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

from support.stages import check_shares, row_access, run_item, shared_items, whole_numbers

from xpnet.lowering.cpu.jit import Program
from xpnet.lowering.cpu.shared_loops import Rows, Vector
from xpnet.lowering.cpu.sharing import Access


def test_elements(each: Each) -> None:
    for size, dtype, parts in product((2, 7, 5000), ("float32", "float64"), (2, 3, 5)):
        with each(size, dtype, parts=parts):
            x, y = whole_numbers(size, dtype=dtype), whole_numbers(size, dtype=dtype)
            check_shares(
                lambda k, x, y: k(k.raw.multiply, x, y, out=y), x, y, kinds=[Vector], parts=parts
            )


def test_rows_with_something_of_each(each: Each) -> None:
    def record(k: Any, x: Any, top: Any, y: Any) -> None:
        k(k.raw.max, x, axis=-1, out=top, keepdims=True)
        k(k.raw.subtract, x, top, out=y)

    for count, parts in product((2, 17, 200), (2, 3, 5)):
        with each(rows=count, parts=parts):
            x, top, y = whole_numbers(count, 6), whole_numbers(count, 1), whole_numbers(count, 6)
            check_shares(record, x, top, y, kinds=[Rows], parts=parts)


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
    runs = item.cut([row_access(second), row_access(first)])
    found = [run.shared for run in runs]
    place = x.ctypes.data
    ends = [((a.low - place) // 4, (a.high - place) // 4, a.unit) for (a,) in found if a]
    assert ends == [(0, 10, 4), (10, 40, 24), (40, 80, 8), (80, 100, 4)]
    for run, matrix in ((runs[1], first), (runs[2], second)):
        assert run.shared is not None
        assert run.shared[0].fits(row_access(matrix))


def test_what_does_not_lie_in_a_vector_cuts_nothing(each: Each) -> None:
    x, item = a_vector(100)
    other = np.zeros((5, 6), "float32")
    for name, found in {
        "elsewhere": [row_access(other)],
        "overlapping": [row_access(x[:30].reshape(5, 6)), row_access(x[20:50].reshape(5, 6))],
        "gaps": [row_access(x[:60].reshape(5, 12)[:, :6])],
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
            for run in item.cut(
                [row_access(x[10:40].reshape(5, 6)), row_access(x[40:80].reshape(20, 2))]
            ):
                run_item(run, parts)
            np.testing.assert_array_equal(x, np.ones(100))
            for run in item.cut([row_access(x[10:40].reshape(5, 6))]):
                Program([run.task()]).run()
            np.testing.assert_array_equal(x, np.full(100, 2))
