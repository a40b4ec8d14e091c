"""Stacks of products, which threads share."""

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
from xpnet.lowering.cpu.stacked_product import Stack, stack_of
from xpnet.lowering.reading import Reader

_BACKEND = NumpyBackend(compiles=True)


def product_of(k: Any, a: Any, b: Any, out: Any) -> None:
    k(k.raw.matmul, a, b, out=out)


def test_each_thread_computes_some_of_the_products(each: Each) -> None:
    """As they lie and transposed; with columns, rows and single numbers; two stacks deep."""
    for stack, shape, parts in product(((3,), (17,), (2, 3)), ((4, 5, 6), (1, 5, 1)), (2, 3)):
        n, k, m = shape
        with each(stack=stack, shape=shape, parts=parts):
            out = whole_numbers(*stack, n, m)
            for a in (whole_numbers(*stack, n, k), whole_numbers(*stack, k, n).swapaxes(-1, -2)):
                check_shares(
                    product_of, a, whole_numbers(*stack, k, m), out, kinds=[Stack], parts=parts
                )


def test_one_matrix_with_a_stack() -> None:
    """The same matrix for all of them, on either side."""
    out = whole_numbers(5, 4, 3)
    for a, b in (
        (whole_numbers(4, 6), whole_numbers(5, 6, 3)),
        (whole_numbers(5, 4, 6), whole_numbers(1, 6, 3)),
    ):
        check_shares(product_of, a, b, out, kinds=[Stack], parts=2)
        _, (item,) = shared_items(product_of, (a, b, out), 2)
        assert item.shared is not None
        units = [(x.unit, x.count, x.writes) for x in item.shared]
        assert units[0] == (48, 5, True)
        assert sorted(units[1:]) == sorted(
            (x.strides[0], 5, False) if x.shape[0] == 5 else (0, 0, False) for x in (a, b)
        )


def test_what_stays_the_librarys() -> None:
    """Products whose output has gaps, stacks that broadcast both ways, too many, and none."""
    wide = whole_numbers(2, 4, 6)[:, :, :3]
    many = whole_numbers(5000, 1, 1)
    for a, b, out in (
        (whole_numbers(2, 4, 5), whole_numbers(2, 5, 3), wide),
        (whole_numbers(2, 1, 4, 5), whole_numbers(1, 3, 5, 3), whole_numbers(2, 3, 4, 3)),
        (many, many, many.copy()),
        (whole_numbers(0, 4, 5), whole_numbers(0, 5, 3), whole_numbers(0, 4, 3)),
        (whole_numbers(5), whole_numbers(2, 5, 3), whole_numbers(2, 3)),
    ):
        call = Call(_BACKEND, np.matmul, (a, b), {"out": out})
        assert stack_of(Reader(_BACKEND), call) is None


def test_a_step_of_stacked_networks_is_one_program(each: Each) -> None:
    """Stacked weights, sines, joins and transposes: nothing is left for Python."""

    def net(x: Any) -> Any:
        layer, (n, f) = xn.Layer(), x.shape
        w = layer.parameter(x, "w", (f, 4, 1), "glorot_uniform")
        v = layer.parameter(x, "v", (f, 2, 4), "glorot_uniform")
        rows = xn.ops.reshape(xn.ops.transpose(x), shape=(f, 1, n))
        y = xn.ops.matmul(v, xn.ops.cos(xn.ops.matmul(w, rows)))
        joined = xn.ops.concat(xn.ops.reshape(y, shape=(2 * f, n)), xn.ops.transpose(x), axis=0)
        return xn.Dense(1)(xn.ops.transpose(joined))

    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    model = xn.Model(net, "mse", "sgd", metrics=(), backend=_BACKEND).build(3)
    calls = model.plan(x, x[:, :1]).calls
    assert [type(call).__name__ for call in calls] == ["Program"]
