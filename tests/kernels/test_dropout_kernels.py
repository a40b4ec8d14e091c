"""The kernels that draw random numbers: the definition's exact bits, in pieces."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from xpnet import ops
from xpnet.backends.cpu import NumpyBackend
from xpnet.kernels import Recorder, find

KEY = {"seed": 0xFFFFFFFF, "stream": 0x80000001}
SHAPES = [(0,), (), (1,), (3, 5), (4, 16), (129,), (7, 11, 3)]


@pytest.fixture(params=[1, 8, 16384, None])
def backend(request, monkeypatch):
    """NumPy with many small pieces, and without pieces."""
    monkeypatch.setattr(NumpyBackend, "block", request.param)
    return NumpyBackend()


def bound(backend, op, x, step, **settings):
    """Run the kernel: its outputs and the definition's."""
    wanted = op.fn(np, x, np.array(step), **settings, **KEY)
    wanted = [np.asarray(w) for w in (wanted if op.saves else [wanted])]
    places, at = [np.full_like(w, np.nan) for w in wanted], np.array(0)
    recorder = Recorder(backend)
    recorder.bind(find(op, ("out",)).function, *places, x, at, **settings, **KEY)
    at[...] = step  # known only when the step runs
    for call in recorder.calls:
        call()
    return zip(places, wanted, strict=True)


@pytest.mark.parametrize("rate", [0.0, 0.3, 1 - 2**-40])
def test_dropout_to_the_bit(backend, rate, each):
    steps = (0, 0xFFFFFFFF, 2**62 + 12345)
    for shape, dtype, step in product(SHAPES, ("float32", "float64"), steps):
        with each(shape, dtype, step=step):
            x = np.random.default_rng(1).normal(size=shape).astype(dtype)
            for got, wanted in bound(backend, ops.dropout, x, step, rate=rate):
                assert_array_equal(got, wanted)


@pytest.mark.parametrize("family", ["out", "loops"])
def test_a_share_of_a_batch_has_its_bits(backend, family, each):
    """Rows of a batch that several processes share draw what they draw in the whole batch."""
    x = np.random.default_rng(1).normal(size=(13, 7))
    for op, settings in ((ops.dropout, {"rate": 0.3}), (ops.gaussian_noise, {"std": 0.5})):
        whole = op.fn(np, x, np.array(9), **settings, **KEY)
        whole = whole[0] if op.saves else whole
        for start, stop in ((0, 13), (0, 6), (6, 13), (2, 3), (3, 9), (12, 13)):
            with each(op.name, start=start, stop=stop):
                rows, k = x[start:stop], Recorder(backend)
                places = [np.full_like(rows, np.nan) for _ in range(1 + bool(op.saves))]
                part = (start * 7, x.size)
                function = find(op, (family,)).function
                k.bind(function, *places, rows, np.array(9), **settings, **KEY, part=part)
                for call in k.calls:
                    call()
                assert_allclose(places[0], whole[start:stop], rtol=1e-14)


def test_gaussian_noise_to_rounding(backend, each):
    near = {"float32": 1e-6, "float64": 1e-14}
    for shape, dtype, step in product(SHAPES, near, (0, 2**62 + 12345)):
        with each(shape, dtype, step=step):
            x = np.zeros(shape, dtype)
            for got, wanted in bound(backend, ops.gaussian_noise, x, step, std=1.5):
                assert_allclose(got, wanted, rtol=near[dtype])
