"""The parts of a training step, each separately and each checked before it is timed."""

import numpy as np
import pytest
import softmax
from common import compute, products

from xpnet import ops

TOLERANCE = {"float32": 1e-3, "float64": 1e-9}


def _random(backend, shape, dtype, seed=0):
    x = np.random.default_rng(seed).standard_normal(shape)
    return backend.asarray(x.astype(dtype))


def _close(backend, found, expected, dtype):
    scale = np.abs(expected).max()
    error = np.abs(np.asarray(backend.to_numpy(found), "float64") - expected).max()
    assert error <= TOLERANCE[dtype] * scale


def _bytes(*arrays):
    return sum(
        int(np.prod(a.shape)) * np.dtype(str(a.dtype).rpartition(".")[2]).itemsize for a in arrays
    )


@pytest.mark.parametrize("orientation", ["x_w", "xT_g", "g_wT"])
def test_product(timed, backend, size, dtype, orientation):
    """The three products of the widest layer, in the orientations that a step uses."""
    i, o = max(zip(size.units, size.units[1:], strict=False), key=lambda io: io[0] * io[1])
    x = _random(backend, (size.batch, i), dtype, 0)
    w = _random(backend, (i, o), dtype, 1)
    g = _random(backend, (size.batch, o), dtype, 2)
    a, b = {"x_w": (x, w), "xT_g": (x.T, g), "g_wT": (g, w.T)}[orientation]
    library = backend.raw or backend.xp
    out = backend.xp.matmul(a, b)
    host = [np.asarray(backend.to_numpy(v), "float64") for v in (a, b)]
    _close(backend, out, host[0] @ host[1], dtype)
    timed(
        lambda: library.matmul(a, b, out=out),
        shapes=[list(a.shape), list(b.shape)],
        flops=2 * size.batch * i * o,
        bytes=_bytes(a, b, out),
    )


def test_products_of_a_step(timed, backend, size, dtype):
    """The floor: only the matrix products of one step."""
    if backend.raw is None:
        pytest.skip(f"{backend.name} is interpreted; its steps are far from a floor")
    timed(products(size, backend.raw, dtype), flops=size.flops, shapes=list(size.units))


def test_affine_relu(timed, backend, size, dtype):
    """The first layer forward, with its activation."""
    i, o = size.units[:2]
    shapes = [(size.batch, i), (i, o), (o,)]
    arrays = [_random(backend, s, dtype, k) for k, s in enumerate(shapes)]
    run = compute(backend, lambda x, w, b: [ops.relu(ops.affine(x, w, b))], arrays)
    x, w, b = (np.asarray(backend.to_numpy(a), "float64") for a in arrays)
    _close(backend, run()[0], np.maximum(x @ w + b, 0), dtype)
    info = {"flops": size.batch * o * (2 * i + 2), "bytes": _bytes(*arrays) + size.batch * o * 4}
    timed(run, shapes=[list(s) for s in shapes], **info)


@pytest.mark.parametrize("shape", [(128, 10), (4096, 10)], ids=str)
@pytest.mark.parametrize("way", ["joint", "chain"])
@pytest.mark.parametrize("part", list(softmax.PARTS))
def test_softmax_cross_entropy(timed, backend, part, way, shape):
    """Forward and backward of softmax with cross-entropy, as one op and as two."""
    given = softmax.Problem.of(backend, shape)
    run = softmax.PARTS[part](way, given)
    z, t = (np.asarray(backend.to_numpy(v), "float64") for v in (given.z, given.t))
    p = np.exp(z - z.max(axis=1, keepdims=True))
    _close(backend, run(), (p / p.sum(axis=1, keepdims=True) - t) / len(t), "float32")
    timed(run, shapes=[list(shape)], bytes=_bytes(given.z, given.labels, given.z))


def test_update(timed, backend, size, dtype):
    """The whole optimizer update, from the gradient vector to the parameters."""
    models = [size.model(name, dtype).build() for name in (backend, "numpy")]
    applied = []
    for model in models:
        gradients = _random(model.engine.backend, model.engine.state.gradient.shape, dtype)
        applied.append(_update(model, gradients))
        for call in applied[-1]:
            call()
    start, found, expected = (
        np.asarray(m.engine.backend.to_numpy(m.engine.state.params), "float64")
        for m in (size.model("numpy", dtype).build(), *models)
    )
    _close(backend, backend.asarray(found - start), expected - start, dtype)
    put, apply = applied[0]
    slots = len(models[0].engine.state.slots)
    parameters = models[0].network.table.size
    width = np.dtype(dtype).itemsize
    timed(apply, setup=put, parameters=parameters, bytes=parameters * width * (3 + 2 * slots))


def _update(model, gradients):
    """A function that sets the gradients, which an update may overwrite; and the update."""
    engine = model.engine

    def put():
        vectors = engine.state.vectors
        vectors["gradient"] = engine.backend.assign(vectors["gradient"], gradients)

    return put, lambda: engine.update.run(0.01)


def test_gather(timed, backend, size, dtype):
    """A batch of rows by a random index."""
    data = _random(backend, (32 * size.batch, size.units[0]), dtype)
    order = np.random.default_rng(1).permutation(len(data))[: size.batch]
    index = backend.asarray(order.astype("int64"))
    if backend.raw is None:
        run = lambda: backend.take(data, index)  # noqa: E731
    else:
        out = backend.raw.empty((size.batch, size.units[0]), dtype=dtype)
        run = lambda: (backend.gather(data, out)(index), out)[1]  # noqa: E731
    np.testing.assert_array_equal(backend.to_numpy(run()), backend.to_numpy(data)[order])
    timed(run, shapes=[list(data.shape)], bytes=2 * size.batch * size.units[0] * data.itemsize)
