"""The calls that users make: a training step, an epoch, predictions; over sizes and growth."""

import numpy as np
import pytest
from common import step
from growth import run_of, series

POINTS = [
    pytest.param(one, p, id=f"{one.name}-{x:g}")
    for one in series()
    for p, x in zip(one.points, one.abscissae(), strict=True)
]


def _losses(size, backend, dtype):
    """The loss of the first step with this backend and with NumPy."""
    X, y = size.data()
    X = X.astype(dtype)
    return [float(size.model(name, dtype).train_on_batch(X, y)) for name in (backend, "numpy")]


def _assert_same_loss(size, backend, dtype="float32"):
    found, expected = _losses(size, backend, dtype)
    assert abs(found - expected) <= (1e-4 if dtype == "float32" else 1e-9) * abs(expected)


def test_step(timed, backend, size, dtype):
    """One training step, from gathering its batch to the update."""
    _assert_same_loss(size, backend, dtype)
    model = size.model(backend, dtype)
    run = step(model, size)
    timed(run, flops=size.flops, parameters=model.network.table.size, batch=size.batch)


def test_epoch(timed, backend, size):
    """An epoch of 8 batches by `fit`, with all its checks and records."""
    X, y = size.data(8 * size.batch)
    settings = {"epochs": 1, "batch_size": size.batch, "verbose": False}
    models = [size.model(name) for name in (backend, "numpy")]
    losses = [model.fit(X, y, **settings)["loss"][0] for model in models]
    assert np.ptp(losses) <= 1e-3 * abs(losses[1])
    timed(lambda: models[0].fit(X, y, **settings), rows=len(X), flops=8 * size.flops)


@pytest.mark.parametrize("rows", [1, 10_000])
def test_predict(timed, backend, size, rows):
    """Prediction, with data and result on the backend."""
    model = size.model(backend)
    X = backend.asarray(size.data(rows)[0])
    expected = size.model("numpy").predict(backend.to_numpy(X))
    result = backend.to_numpy(model.predict(X))
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-3)
    timed(lambda: model.predict(X), rows=rows, shapes=list(size.units))


@pytest.mark.parametrize(("one", "point"), POINTS)
def test_growth(timed, backend, one, point):
    """A step as width, depth and batch grow; an epoch as the number of rows grows."""
    if backend.raw is None:
        pytest.skip(f"{backend.name} is interpreted and has no plan")
    _assert_same_loss(point.size, backend)
    run = run_of(point, one.against, backend)
    timed(run.call, shapes=list(point.size.units), batch=point.size.batch, rows=point.rows)
