"""Rows of a table, looked up and added to."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from support.each import Each

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

from support.stages import check_shares, shared_items, whole_numbers

import xpnet as xn
from xpnet.backends.cpu import NumpyBackend
from xpnet.kernels import Call
from xpnet.lowering.cpu.jit import Program
from xpnet.lowering.cpu.lookup_tasks import AddRows, TakeRows, lookup_of
from xpnet.lowering.cpu.shared_loops import Vector
from xpnet.lowering.reading import Reader

_BACKEND = NumpyBackend(compiles=True)
_IDS = np.array([3, 0, 3, 1, 5, 3, 2, 0, 4], np.int64)


def take(k: Any, table: Any, ids: Any, out: Any) -> None:
    k(k.raw.take, table, ids, out=out)


def add(k: Any, table: Any, ids: Any, rows: Any) -> None:
    k(k.raw.add_at, table, ids, rows)


def test_lookups_and_their_gradients(each: Each) -> None:
    """In both types, of one unit and of several, with ids of one dimension and of two."""
    for dtype, units, shape, parts in product(
        ("float32", "float64"), (1, 5), ((9,), (3, 3)), (1, 2, 4)
    ):
        with each(dtype, units=units, shape=shape, parts=parts):
            table, ids = whole_numbers(6, units, dtype=dtype), _IDS.reshape(shape)
            rows = whole_numbers(*shape, units, dtype=dtype)
            check_shares(take, table, ids, rows, kinds=[TakeRows], parts=parts)
            if len(shape) == 1:
                check_shares(add, table, ids, rows, kinds=[AddRows], parts=parts)


def test_numbers_that_are_no_rows() -> None:
    """A lookup gives NaN, and nothing is added, whatever lies beyond the table."""
    ids = np.array([1, -1, 2, 10**15, -(2**63)], np.int64)
    table, out = whole_numbers(2, 3), whole_numbers(5, 3)
    _, (item,) = shared_items(take, (table, ids, out), 1)
    _run(item)
    np.testing.assert_array_equal(out[0], table[1])
    assert np.isnan(out[1:]).all()
    guarded = np.full((4, 3), 7, np.float32)
    _, (item,) = shared_items(add, (guarded[1:3], ids, np.ones((5, 3), np.float32)), 1)
    _run(item)
    np.testing.assert_array_equal(guarded, [[7] * 3, [7] * 3, [8] * 3, [7] * 3])


def _run(item: Any) -> None:
    Program([item.task()]).run()


def test_what_stays_the_librarys() -> None:
    """Other types of numbers, gaps, other axes, and tables that are no matrices."""
    table, ids, out = whole_numbers(6, 4), _IDS, whole_numbers(9, 4)
    for args, kwargs in (
        ((table, ids.astype("int32")), {"out": out}),
        ((table[:, :2], ids), {"out": whole_numbers(9, 2)}),
        ((table, ids), {"out": out, "mode": "clip"}),
        ((table[0], ids), {"out": whole_numbers(9)}),
        ((table.astype("int64"), ids), {"out": out.astype("int64")}),
    ):
        call = Call(_BACKEND, np.take, args, kwargs)
        assert lookup_of(Reader(_BACKEND), call) is None


def test_a_step_with_embeddings_is_one_program() -> None:
    net = xn.Sequential(xn.EmbedColumns([4, 3], 2), xn.Dense(1))
    model = xn.Model(net, "mse", "sgd", metrics=(), backend=_BACKEND).build(3)
    x = np.array([[0.5, 1, 2], [0.1, 3, 0]], np.float32)
    calls = model.plan(x, x[:, :1]).calls
    assert [type(call).__name__ for call in calls] == ["Program"]


def test_order_with_what_comes_before_and_after() -> None:
    """A table that is set to 0, added to, and read again."""

    def record(k: Any, table: Any, ids: Any, rows: Any, out: Any) -> None:
        k(k.raw.copyto, table, 0)
        k(k.raw.add_at, table, ids, rows)
        k(k.raw.multiply, table, 2.0, out=out)

    arrays = whole_numbers(6, 4), _IDS, whole_numbers(9, 4), whole_numbers(6, 4)
    check_shares(record, *arrays, kinds=[Vector, AddRows, Vector], parts=2)
