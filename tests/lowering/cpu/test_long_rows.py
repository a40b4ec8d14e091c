"""Loops over one long row: threads have pieces of it, and sums do not depend on their number."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from support.each import Each

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

from support.stages import fused, run_item, shared_items

from xpnet.lowering import Loop
from xpnet.lowering.cpu.long_rows import phases_of
from xpnet.lowering.cpu.shared_loops import Pieces, Vector
from xpnet.lowering.cpu.sharing import Item, Lone

PARTS = [1, 2, 5]
SIZES = [16, 31, 200]


@pytest.fixture(autouse=True)
def _short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xpnet.lowering.cpu.long_rows.PIECE", 4)
    monkeypatch.setattr("xpnet.lowering.cpu.compile_tasks.PIECE", 4)
    monkeypatch.setattr("xpnet.lowering.cpu.compile_tasks.LONG", 16)


def norm(k: Any, x: Any, y: Any, a: Any, b: Any) -> None:
    """The example of the module."""
    k(k.raw.multiply, x, x, out=y)
    k(k.raw.sum, y, axis=None, out=a)
    k(k.raw.sqrt, a, out=b)
    k(k.raw.divide, x, b, out=y)


def numbers_in_one_place(k: Any, x: Any, y: Any, a: Any, b: Any) -> None:
    """The sum, what follows from it, and what follows from that are each read by elements."""
    k(k.raw.sum, x, axis=None, out=a)
    k(k.raw.subtract, y, a, out=y)
    k(k.raw.add, a, 2, out=a)
    k(k.raw.multiply, x, a, out=x)
    k(k.raw.add, a, 3, out=a)
    k(k.raw.add, y, a, out=y)


def a_number_before(k: Any, x: Any, y: Any, a: Any, b: Any) -> None:
    k(k.raw.multiply, x, y, out=y)
    k(k.raw.add, a, 2, out=b)
    k(k.raw.multiply, y, b, out=y)
    k(k.raw.sum, y, axis=None, out=b)
    k(k.raw.add, y, b, out=y)


def several(k: Any, x: Any, y: Any, a: Any, b: Any) -> None:
    """Two reductions at once, then another of what follows from them."""
    k(k.raw.max, x, axis=None, out=a)
    k(k.raw.max, y, axis=None, out=b)
    k(k.raw.subtract, x, b, out=y)
    k(k.raw.sum, y, axis=None, out=b)
    k(k.raw.add, y, a, out=y)
    k(k.raw.add, y, b, out=y)


def a_number_that_was_read(k: Any, x: Any, y: Any, a: Any, b: Any) -> None:
    k(k.raw.multiply, x, a, out=y)
    k(k.raw.sum, y, axis=None, out=a)
    k(k.raw.subtract, y, a, out=y)


def a_first_number(k: Any, x: Any, y: Any, a: Any, b: Any) -> None:
    """It comes when the loop has no columns yet."""
    k(k.raw.add, a, 2, out=b)
    k(k.raw.multiply, x, b, out=y)
    k(k.raw.sum, y, axis=None, out=a)
    k(k.raw.add, y, a, out=y)


RECORDS = [
    norm,
    numbers_in_one_place,
    a_number_before,
    several,
    a_number_that_was_read,
    a_first_number,
]


def memory(size: int, dtype: str, exact: bool = True) -> list[Any]:
    """Small whole numbers, so that every sum is exact; or any numbers."""
    x = np.arange(size) * 5 % 7 - 3.0 if exact else np.random.default_rng(0).normal(size=size)
    return [a.astype(dtype) for a in (x, x[::-1] + 1, np.array(2.0), np.array(3.0))]


def run(record: Callable[..., None], arrays: list[Any], parts: int, spare: Any = ()) -> list[Item]:
    _, items = shared_items(record, arrays, parts, [arrays[i] for i in spare])
    for item in items:
        run_item(item, parts)
    return items


def test_pieces_give_what_the_whole_gives(each: Each) -> None:
    cases = product(RECORDS, SIZES, ("float32", "float64"), PARTS, ((), (2, 3)))
    for record, size, dtype, parts, spare in cases:
        with each(record.__name__, dtype, size=size, parts=parts, spare=spare):
            wanted, got = memory(size, dtype), memory(size, dtype)
            calls, _ = shared_items(record, wanted, parts)
            for call in calls:
                call.run()
            run(record, got, parts, spare)
            for i, (a, b) in enumerate(zip(got, wanted, strict=True)):
                if i not in spare:
                    np.testing.assert_array_equal(a, b)


def test_sums_do_not_depend_on_the_number_of_threads(each: Each) -> None:
    for record, dtype in product(RECORDS, ("float32", "float64")):
        wanted = memory(200, dtype, exact=False)
        run(record, wanted, 1)
        for parts in PARTS[1:]:
            with each(record.__name__, dtype, parts=parts):
                got = memory(200, dtype, exact=False)
                run(record, got, parts)
                if record is not a_first_number and record is not a_number_that_was_read:
                    assert np.isfinite(got[1]).all()
                for a, b in zip(got, wanted, strict=True):
                    np.testing.assert_array_equal(a, b)


def kinds(record: Callable[..., None], size: int = 200, parts: int = 2) -> list[type[Item]]:
    return [type(item) for item in run(record, memory(size, "float32"), parts)]


def test_threads_share_what_is_done_with_each_element() -> None:
    assert kinds(norm) == [Pieces, Lone, Vector]
    assert kinds(several) == [Pieces, Lone, Pieces, Lone, Vector]


def test_short_rows_are_not_cut() -> None:
    assert kinds(norm, size=15) == [Lone]
    assert kinds(norm, size=15, parts=1) == [Lone]


def test_one_thread_cuts_a_row_as_several_do() -> None:
    assert kinds(norm, parts=1) == kinds(norm, parts=3)


def loop_of(record: Callable[..., None]) -> Loop:
    _, _, (loop,) = fused(record, memory(200, "float32"))
    assert isinstance(loop, Loop)
    return loop


def test_loops_that_cannot_be_cut(each: Each) -> None:
    """A number that is read before it is overwritten, and one that comes before the row."""
    for record in (a_number_that_was_read, a_first_number):
        with each(record.__name__):
            assert phases_of(loop_of(record)) is None


def test_the_phases_of_a_norm() -> None:
    found = phases_of(loop_of(norm))
    assert found is not None
    first, second = found
    assert first.main is not None
    assert first.after is not None
    assert (first.main.columns, first.after.columns, len(first.pieces)) == (200, 50, 1)
    assert second.main is not None
    assert (second.pieces, second.after) == (set(), None)


def test_sums_are_rounded_once() -> None:
    """Those of pieces are doubles, and what is computed from all is of the type that it has."""
    arrays = memory(200, "float32")
    _, _, (loop,) = fused(norm, arrays, arrays[2:])
    assert isinstance(loop, Loop)
    found = phases_of(loop)
    assert found is not None
    assert {ref.dtype for ref in found[0].pieces} == {"float64"}
    assert found[0].after is not None
    assert {s.ref.dtype for s in found[0].after.statements} == {"float32"}
