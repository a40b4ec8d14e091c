"""NumPy against CuPy on the hot path: the matrix products, whole layers, a training step.

    python -m pytest benchmarks --benchmark-only --benchmark-group-by=func,param:size

Every timing waits for the device. What is timed was computed right first.
"""

import numpy as np
import pytest
from common import products, step

from xpnet import ops


def _random(backend, shape, seed):
    x = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    return backend.asarray(x)


def _timed(benchmark, backend, run):
    """Time a call, and the wait for its result."""

    def call():
        run()
        backend.synchronize()

    benchmark(call)


@pytest.mark.parametrize("orientation", ["x_w", "xT_g", "g_wT"])
def test_product(benchmark, backend, size, orientation):
    """The three products of the widest layer, each in the orientation that a step uses."""
    i, o = max(zip(size.units, size.units[1:], strict=False), key=lambda io: io[0] * io[1])
    x, w = _random(backend, (size.batch, i), 0), _random(backend, (i, o), 1)
    g = _random(backend, (size.batch, o), 2)
    a, b = {"x_w": (x, w), "xT_g": (x.T, g), "g_wT": (g, w.T)}[orientation]
    out = backend.raw.matmul(a, b)
    expected = backend.to_numpy(a) @ backend.to_numpy(b)
    np.testing.assert_allclose(backend.to_numpy(out), expected, rtol=1e-3, atol=1e-2)
    benchmark.extra_info.update(flops=2 * size.batch * i * o, shapes=[list(a.shape), list(b.shape)])
    _timed(benchmark, backend, lambda: backend.raw.matmul(a, b, out=out))


def test_affine_relu(benchmark, backend, size):
    """One layer forward by the ops' definitions."""
    i, o = size.units[:2]
    x, w, b = (_random(backend, s, k) for k, s in enumerate([(size.batch, i), (i, o), (o,)]))
    run = lambda: ops.relu.fn(backend.xp, ops.affine.fn(backend.xp, x, w, b))  # noqa: E731
    host = [backend.to_numpy(v) for v in (x, w, b)]
    expected = np.maximum(host[0] @ host[1] + host[2], 0)
    np.testing.assert_allclose(backend.to_numpy(run()), expected, rtol=1e-3, atol=1e-2)
    _timed(benchmark, backend, run)


def test_products_of_a_step(benchmark, backend, size):
    """The floor: every matrix product of one step and nothing else."""
    _timed(benchmark, backend, products(size, backend.raw))


def test_step(benchmark, backend, size):
    """One training step; its loss equals NumPy's to rounding."""
    X, y = size.data()
    losses = [float(size.model(name).train_on_batch(X, y)) for name in {"numpy", backend.name}]
    assert np.ptp(losses) <= 1e-4 * abs(losses[0])
    model = size.model(backend)
    benchmark.extra_info["parameters"] = model.network.table.size
    _timed(benchmark, backend, step(model, size))


@pytest.mark.parametrize("rows", [1, 10_000])
def test_predict(benchmark, backend, size, rows):
    """Prediction, data and result on the backend."""
    model = size.model(backend)
    X = backend.asarray(size.data(rows)[0])
    expected = size.model("numpy").predict(backend.to_numpy(X))
    result = backend.to_numpy(model.predict(X))
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-3)
    _timed(benchmark, backend, lambda: model.predict(X))
