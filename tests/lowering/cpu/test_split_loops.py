"""Loops that are split for threads: the parts together give what the whole loop gives."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from support.each import Each

import xpnet as xn
from xpnet.backends.cpu import NumpyBackend

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

from support.stages import fused, run_item, shared_items, whole_numbers

from xpnet.lowering import Loop, Reader
from xpnet.lowering.cpu.compile_tasks import items_of
from xpnet.lowering.cpu.jit import Program, loop_task
from xpnet.lowering.cpu.shared_loops import Rows
from xpnet.lowering.cpu.sharing import Lone
from xpnet.lowering.cpu.split_loops import Split, split

PARTS = [2, 5]
ROWS = [2, 17, 200]


# --- loops, as what records them ------------------------------------------------------------------


def column_sums(k: Any, x: Any, y: Any, row: Any, pair: Any, one: Any) -> None:
    k(k.raw.multiply, x, y, out=y)
    k(k.raw.sum, y, axis=0, out=row)


def a_mean(k: Any, x: Any, y: Any, row: Any, pair: Any, one: Any) -> None:
    k(k.raw.max, x, axis=-1, out=pair[0])
    k(k.raw.subtract, pair[0], pair[1], out=pair[1])
    k(k.raw.sum, pair[1], axis=None, out=one[0])
    k(k.raw.divide, one[0], 128, out=one[0])


def a_sum_of_row_sums(k: Any, x: Any, y: Any, row: Any, pair: Any, one: Any) -> None:
    k(k.raw.multiply, x, y, out=y)
    k(k.raw.sum, y, axis=-1, out=pair[0])
    k(k.raw.sum, pair[0], axis=None, out=one[0])


def a_number_for_all_rows(k: Any, x: Any, y: Any, row: Any, pair: Any, one: Any) -> None:
    k(k.raw.add, one[0], 2, out=one[1])
    k(k.raw.max, x, axis=-1, out=pair[0])
    k(k.raw.multiply, pair[0], one[1], out=pair[1])


def numbers_before_and_after(k: Any, x: Any, y: Any, row: Any, pair: Any, one: Any) -> None:
    k(k.raw.add, one[0], 2, out=one[1])
    k(k.raw.max, x, axis=-1, out=pair[0])
    k(k.raw.multiply, pair[0], one[1], out=pair[1])
    k(k.raw.sum, pair[1], axis=None, out=one[2])
    k(k.raw.add, one[2], one[1], out=one[3])
    k(k.raw.sum, pair[0], axis=None, out=one[0])


def two_numbers(k: Any, x: Any, y: Any, row: Any, pair: Any, one: Any) -> None:
    k(k.raw.add, one[0], 2, out=one[1])
    k(k.raw.multiply, one[1], 3, out=one[2])
    k(k.raw.multiply, x, y, out=y)
    k(k.raw.multiply, y, one[1], out=y)
    k(k.raw.add, y, one[2], out=y)
    k(k.raw.sum, y, axis=0, out=row)


def two_numbers_in_one_place(k: Any, x: Any, y: Any, row: Any, pair: Any, one: Any) -> None:
    k(k.raw.add, one[0], 2, out=one[1])
    k(k.raw.multiply, x, one[1], out=x)
    k(k.raw.multiply, one[0], 3, out=one[1])
    k(k.raw.multiply, y, one[1], out=y)
    k(k.raw.sum, y, axis=0, out=row)


def numbers_that_change(k: Any, x: Any, y: Any, row: Any, pair: Any, one: Any) -> None:
    """What the first number is computed from is overwritten before the rows."""
    k(k.raw.add, one[0], 2, out=one[1])
    k(k.raw.multiply, one[0], 3, out=one[0])
    k(k.raw.max, x, axis=-1, out=pair[0])
    k(k.raw.multiply, pair[0], one[1], out=pair[1])
    k(k.raw.sum, pair[1], axis=None, out=one[2])
    k(k.raw.subtract, one[2], one[1], out=one[3])


def sums_of_both_kinds(k: Any, x: Any, y: Any, row: Any, pair: Any, one: Any) -> None:
    k(k.raw.multiply, x, y, out=y)
    k(k.raw.sum, y, axis=0, out=row)
    k(k.raw.sum, y, axis=-1, out=pair[0])
    k(k.raw.sum, pair[0], axis=None, out=one[0])
    k(k.raw.multiply, one[0], 3, out=one[1])


def sums_of_what_is_overwritten(k: Any, x: Any, y: Any, row: Any, pair: Any, one: Any) -> None:
    k(k.raw.sum, x, axis=0, out=row)
    k(k.raw.multiply, y, 2, out=x)


def no_sums(k: Any, x: Any, y: Any, row: Any, pair: Any, one: Any) -> None:
    k(k.raw.max, x, axis=-1, out=pair[0])
    k(k.raw.subtract, x, pair[0].reshape(-1, 1), out=y)


RECORDS = [
    column_sums,
    a_mean,
    a_sum_of_row_sums,
    a_number_for_all_rows,
    numbers_before_and_after,
    two_numbers,
    two_numbers_in_one_place,
    numbers_that_change,
    sums_of_both_kinds,
    sums_of_what_is_overwritten,
    no_sums,
]


def memory(rows: int, dtype: str = "float32") -> list[Any]:
    """What the loops work on."""
    x, row, pair = (whole_numbers(*n, dtype=dtype) for n in ((rows, 6), (6,), (2, rows)))
    one = whole_numbers(4, dtype=dtype)
    return [x, x + 1, row, pair, [one[i : i + 1].reshape(()) for i in range(4)]]


def flat(arrays: list[Any]) -> list[Any]:
    *some, ones = arrays
    return [*some, *ones]


def found(record: Any, rows: int, parts: int, spare: Any = ()) -> tuple[Loop, Split]:
    """The loop of these calls, and the same in parts."""
    arrays = memory(rows)
    _, _, (loop,) = fused(record, arrays, [arrays[i] for i in spare])
    assert isinstance(loop, Loop)
    return loop, split(loop, parts)


def test_the_parts_give_what_the_whole_gives(each: Each) -> None:
    for record, rows, dtype, parts in product(RECORDS, ROWS, ("float32", "float64"), PARTS):
        with each(record.__name__, dtype, rows=rows, parts=parts):
            one = memory(rows, dtype)
            calls, _ = shared_items(record, one, parts)
            for call in calls:
                call.run()
            other = memory(rows, dtype)
            _, items = shared_items(record, other, parts)
            assert any(isinstance(item, Rows) for item in items)
            for _ in range(2):  # sums begin anew
                for a, start in zip(flat(other), flat(memory(rows, dtype)), strict=True):
                    a[...] = start
                for item in items:
                    run_item(item, parts)
                for got, wanted in zip(flat(other), flat(one), strict=True):
                    np.testing.assert_array_equal(got, wanted)


def test_what_is_not_needed_is_not_kept(each: Each) -> None:
    """Numbers that only the loop needs: all that a sum is made of, and what comes before it."""
    records = a_sum_of_row_sums, numbers_before_and_after, numbers_that_change
    for record, parts in product(records, PARTS):
        with each(record.__name__, parts=parts):
            one, other = memory(17), memory(17)
            calls, _ = shared_items(record, one, parts)
            for call in calls:
                call.run()
            _, items = shared_items(record, other, parts, [*other[3], other[1], other[4][1]])
            for item in items:
                run_item(item, parts)
            for i in (0, 2, 3):
                assert other[4][i] == one[4][i]
            np.testing.assert_array_equal(other[1], memory(17)[1])
            np.testing.assert_array_equal(other[3], memory(17)[3])


# --- what is where --------------------------------------------------------------------------------


def levels(loop: Loop | None) -> list[str]:
    return [] if loop is None else [s.level for s in loop.statements]


def test_without_sums_there_are_only_rows() -> None:
    loop, made = found(no_sums, 17, 3)
    assert (made.before, made.after, made.partial) == (None, None, {})
    assert str(made.main) == str(loop)


def test_sums_over_all_rows_are_added_by_one_thread() -> None:
    _, made = found(a_mean, 128, 2)
    assert made.before is None
    assert levels(made.main) == ["row", "row", "total"]
    assert made.after is not None
    assert (made.after.rows, made.after.columns) == (2, 1)
    assert levels(made.after) == ["total", "post"]


def test_sums_of_columns_have_a_row_for_each_thread() -> None:
    _, made = found(column_sums, 128, 3)
    assert made.after is not None
    assert (made.after.rows, made.after.columns) == (3, 6)
    assert levels(made.after) == ["column"]


def test_numbers_that_all_rows_need_come_first() -> None:
    _, made = found(a_number_for_all_rows, 17, 3)
    assert levels(made.before) == ["pre"]
    assert levels(made.main) == ["row", "row"]
    assert made.after is None
    _, made = found(numbers_before_and_after, 17, 3)
    assert levels(made.before) == ["pre"]
    assert levels(made.after) == ["total", "total", "post"]


def test_numbers_that_are_not_kept_are_computed_where_they_are_read() -> None:
    """By each thread, which is faster than to meet."""

    def record(k: Any, x: Any, one: Any, two: Any, out: Any) -> None:
        k(k.raw.add, one, 2, out=two)
        k(k.raw.multiply, x, two, out=x)
        k(k.raw.sum, x, axis=0, out=out)

    one, two = np.array(1.0, "f4"), np.array(0.0, "f4")
    x, out = whole_numbers(17, 6), whole_numbers(6)
    _, _, (loop,) = fused(record, (x, one, two, out), [two])
    assert isinstance(loop, Loop)
    made = split(loop, 3)
    assert made.before is None
    assert levels(made.main)[0] == "pre"


def test_threads_write_their_sums_to_lines_of_their_own(each: Each) -> None:
    for record, parts in product((column_sums, a_mean, sums_of_both_kinds), PARTS):
        with each(record.__name__, parts=parts):
            _, made = found(record, 50, parts)
            assert made.partial
            for ref, partial in made.partial.items():
                assert ref.address == partial.address
                assert partial.address % 64 == partial.stride % 64 == 0
                end = partial.array.ctypes.data + partial.array.nbytes
                assert partial.array.ctypes.data <= partial.address
                assert partial.address + parts * partial.stride <= end


def test_totals_are_added_in_double_precision() -> None:
    """As one thread adds them, whose total is a double until it is complete."""
    _, made = found(a_mean, 50, 2)
    assert [ref.dtype for ref in made.partial] == ["float64"]


# --- the loops of models --------------------------------------------------------------------------


def model_loops(net: Any, weighted: bool, dtype: Any) -> list[Loop]:
    """The loops of a training step that have several rows."""
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(50, 6)), rng.integers(0, 3, 50), rng.random(50)
    model = xn.Model(net, metrics=["accuracy"], dtype=dtype, backend=NumpyBackend(compiles=True))
    model.fit(X, y, epochs=1, batch_size=50, sample_weight=w if weighted else None, threads=1)
    made: Any = model.engine.programs._made
    (program,) = [p for s, p in made.items() if s.mode == "train"]
    return [
        item
        for call in program.plan.calls
        for item in getattr(call, "items", ())
        if isinstance(item, Loop) and item.rows > 1
    ]


def contents(loop: Loop) -> dict[Any, Any]:
    """Copies of the memory that the loop writes for others."""
    written = {s.ref for s in loop.statements if s.stored} - loop.buffers
    return {ref: a.copy() for ref, a in zip(loop.refs, loop.arrays, strict=True) if ref in written}


def test_the_loops_of_models(each: Each) -> None:
    """They give the same, but for the rounding of sums."""
    nets = {
        "MLP": (xn.Sequential(xn.Dense(8, "gelu"), xn.Dense(3)), True, "float32"),
        "norms": (
            xn.Sequential(xn.Dense(8), xn.BatchNorm(), xn.LayerNorm(), xn.Dense(3)),
            False,
            "float64",
        ),
    }
    count = 0
    for name, (net, weighted, dtype) in nets.items():
        for i, loop in enumerate(model_loops(net, weighted, dtype)):
            before = [a.copy() for a in loop.arrays]
            Program([loop_task(loop)]).run()
            wanted = contents(loop)
            for parts in PARTS:
                with each(name, loop=i, parts=parts):
                    for a, start in zip(loop.arrays, before, strict=True):
                        if a.flags.writeable:
                            a[...] = start
                    items = [*items_of(Reader(NumpyBackend()), [loop], parts)]
                    for item in items:
                        run_item(item, parts)
                    count += any(not isinstance(item, Lone) for item in items)
                    for ref, got in contents(loop).items():
                        within = 1e-5 if dtype == "float32" else 1e-13
                        np.testing.assert_allclose(got, wanted[ref], rtol=within, atol=within)
    assert count >= 20
