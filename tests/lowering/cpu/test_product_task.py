"""Products whose rows threads share."""

from itertools import product
from typing import Any

import pytest
from support.each import Each

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

from support.stages import check_shares, shared_items, whole_numbers

from xpnet.lowering.cpu.product_task import Product


def product_of(k: Any, a: Any, b: Any, out: Any) -> None:
    k(k.raw.matmul, a, b, out=out)


def test_rows_of_a_product(each: Each) -> None:
    """As it lies and transposed; a thread with one row needs another function of BLAS."""
    for count, parts, transposed in product((1, 2, 3, 17), (2, 3, 5), (False, True)):
        with each(rows=count, parts=parts, transposed=transposed):
            a = whole_numbers(6, count).T if transposed else whole_numbers(count, 6)
            b, out = whole_numbers(6, 4), whole_numbers(count, 4)
            check_shares(product_of, a, b, out, kinds=[Product], parts=parts)


def test_rows_of_a_product_of_a_matrix_with_itself(each: Each) -> None:
    """Each thread has its own rows of the first, and all of the second."""
    for count, parts in product((4, 6, 17), (2, 3)):
        with each(rows=count, parts=parts):
            x, out = whole_numbers(count, 5), whole_numbers(count, count)
            check_shares(product_of, x, x.T, out, kinds=[Product], parts=parts)


def test_a_product_reads_what_its_rows_need() -> None:
    """Its own rows of the first matrix, unless these are the columns of what lies there."""
    b, out = whole_numbers(6, 4), whole_numbers(10, 4)
    for a, unit in (
        (whole_numbers(10, 6), 24),
        (whole_numbers(10, 9)[:, :6], 36),
        (whole_numbers(6, 10).T, 0),
    ):
        _, (item,) = shared_items(product_of, (a, b, out), 2)
        assert item.shared is not None
        first, second, third = item.shared
        assert (first.unit, first.count, first.writes) == (16, 10, True)
        assert (second.unit, second.writes) == (unit, False)
        assert (third.unit, third.writes) == (0, False)
