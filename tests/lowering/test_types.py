"""Compiled calls on every type, including calls that no kernel records today."""

import math
from itertools import product

import numpy as np
import pytest

from xpnet.kernels import Recorder
from xpnet.lowering import lower

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

DTYPES = ["float32", "float64"]


def agrees(backend, record, *arrays):
    """The calls of ``record(k, *arrays)`` give the same arrays when compiled."""
    recorder = Recorder(backend)
    record(recorder, *arrays)
    starts, results = [a.copy() for a in arrays], []
    for steps in ([call.run for call in recorder.calls], lower(backend, recorder.calls, [])):
        for array, start in zip(arrays, starts, strict=True):
            array[...] = start
        with np.errstate(all="ignore"):
            for step in steps:
                step()
        results.append([a.copy() for a in arrays])
    for wanted, got in zip(*results, strict=True):
        np.testing.assert_array_equal(got, wanted)
        if got.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(got), np.signbit(wanted))


def into(name, **how):
    """``name(*inputs, out=output)``."""

    def record(k, *arrays):
        *inputs, out = arrays
        k(getattr(k.raw, name, None) or getattr(k.backend.xp, name), *inputs, out=out, **how)

    return record


def test_the_first_of_the_largest(compiling, each):
    """NaN counts as the largest number, as in NumPy."""
    for dtype in DTYPES:
        with each(dtype):
            x = np.array([[1, 3, 3, 2], [1, math.nan, 4, math.nan], [math.nan, 5, 6, 7]], dtype)
            agrees(compiling, into("argmax", axis=-1), x, np.zeros(3, "int64"))
            agrees(compiling, into("max", axis=-1), np.abs(x), np.zeros(3, dtype))


def test_the_sign_of_zero(compiling, each):
    for name, dtype in product(("sign", "negative", "abs", "sqrt"), DTYPES):
        with each(name, dtype):
            x = np.array([0.0, -0.0, 2.0, math.inf], dtype)
            agrees(compiling, into(name), x, np.ones(4, dtype))


WHOLE = ["uint8", "int32", "uint32", "int64", "uint64"]


@pytest.mark.parametrize("name", ["sum", "max", "min", "argmax"])
def test_reductions_of_whole_numbers(compiling, name, each):
    for axis, dtype in product((0, -1), WHOLE):
        with each(dtype, axis=axis):
            top = np.iinfo(dtype).max
            x = np.array([[top, 3, top - 1], [0, top, 1]], dtype)
            out = np.zeros(x.shape[axis + 1], "int64" if name == "argmax" else dtype)
            agrees(compiling, into(name, axis=axis), x, out)


def test_the_largest_of_very_negative_numbers(compiling):
    x = -(2**40) - np.arange(10).reshape(2, 5)
    agrees(compiling, into("max", axis=-1), x, np.zeros(2, "int64"))


@pytest.mark.parametrize("name", ["abs", "sign", "isfinite", "isinf", "isnan", "logical_not"])
def test_functions_of_whole_numbers(compiling, name, each):
    for dtype in WHOLE:
        with each(dtype):
            out = np.zeros(4, dtype if name in ("abs", "sign") else bool)
            agrees(compiling, into(name), np.array([0, 1, 200, 3], dtype), out)


@pytest.mark.parametrize("name", ["divide", "sqrt"])
def test_whole_numbers_into_real_ones(compiling, name):
    x = np.array([1, 4, 2**25 + 1])
    agrees(compiling, into(name), *[x[::-1].copy()] * (name == "divide"), x, np.zeros(3))


@pytest.mark.parametrize("target", ["float32", "float64", "int64", "bool"])
def test_copies_into_another_type(compiling, target, each):
    def record(k, x, out):
        k(k.raw.copyto, out, x, casting="unsafe")

    for source in (*WHOLE, "bool", "int8", "int16", "uint16", "float16"):
        with each(source):
            agrees(compiling, record, np.array([0, 1, 2, 100]).astype(source), np.ones(4, target))


def test_a_number_into_booleans(compiling):
    def record(k, out):
        k(k.raw.copyto, out, -2)

    agrees(compiling, record, np.zeros(4, bool))


@pytest.mark.parametrize("axis", [0, -1, None])
def test_a_sum_into_a_narrower_type(compiling, axis):
    x = np.ones((2, 3))
    agrees(compiling, into("sum", axis=axis), x, np.zeros(x.sum(axis=axis).shape, "float32"))


def test_whole_numbers_beside_real_ones(compiling):
    """2**24 + 1 is not a float32: NumPy compares in float64."""
    x, y = np.array([2**24 + 1, 3]), np.array([2**24, 3], "float32")
    agrees(compiling, into("equal"), x, y, np.zeros(2, bool))


def test_a_product_over_its_own_operand(compiling):
    """NumPy computes it elsewhere first."""

    def record(k, x):
        k(k.raw.matmul, x, x, out=x)

    agrees(compiling, record, np.arange(9.0).reshape(3, 3))
