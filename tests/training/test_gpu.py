"""The same training on a real GPU and on NumPy. Run them alone with ``pytest -m gpu``."""

import numpy as np
import pytest

import xpnet as xn

_STATUS = {status.name: status for status in xn.backends.status()}["cupy"]
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not _STATUS.usable, reason=f"cupy: {_STATUS.reason}"),
]

OPTIMIZERS = {
    "sgd": lambda: xn.SGD(0.1),
    "nesterov": lambda: xn.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=1e-4),
    "adam": lambda: xn.Adam(0.01),
}


def _data(rows=1000):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, 20))
    return X, (X[:, :3] + 0.1 * rng.standard_normal((rows, 3))).argmax(axis=1)


def _model(backend, optimizer="adam", dtype="float32"):
    return xn.MLP([20, 64, 3], optimizer=OPTIMIZERS[optimizer](), backend=backend, dtype=dtype)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_first_hundred_losses_agree(optimizer):
    X, y = _data(100 * 32)
    models = [_model(name, optimizer) for name in ("numpy", "cupy")]
    losses = [
        [float(m.train_on_batch(X[i : i + 32], y[i : i + 32])) for i in range(0, len(X), 32)]
        for m in models
    ]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_whole_fit_agrees_in_float64(weighted):
    X, y = _data()
    w = np.linspace(0, 2, len(X)) if weighted else None
    histories = [
        _model(name, dtype="float64").fit(
            X, y, epochs=3, batch_size=48, sample_weight=w, validation_data=(X, y)
        )
        for name in ("numpy", "cupy")
    ]
    for column in ("loss", "accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(histories[1][column], histories[0][column], rtol=1e-9)


def test_initial_weights_and_shuffles_have_the_same_bits():
    import cupy

    from xpnet import random

    a, b = (_model(name).build().state_dict() for name in ("numpy", "cupy"))
    for name in a:
        np.testing.assert_array_equal(a[name], cupy.asnumpy(b[name]))
    backend, key = xn.backends.get("cupy"), random.Key(1, 2, 3)
    orders = [random.permutation(xp, key, 10_000) for xp in (np, backend.xp)]
    np.testing.assert_array_equal(orders[0], cupy.asnumpy(orders[1]))


def test_results_follow_the_data():
    import cupy

    X, y = _data(100)
    model = _model(None)
    model.fit(cupy.asarray(X), cupy.asarray(y), epochs=1)
    assert isinstance(model.predict(cupy.asarray(X)), cupy.ndarray)
    assert isinstance(_model("cupy").predict(X), np.ndarray)
    with pytest.raises(xn.errors.DataError, match="cupy"):
        model.predict(X)


@pytest.mark.parametrize("loss", ["binary_cross_entropy_with_logits", "mean_squared_error"])
def test_the_other_losses_agree(loss):
    X, y = _data()
    target = (y == 1).astype(float)
    results = []
    for name in ("numpy", "cupy"):
        model = xn.MLP([20, 16, 1], "tanh", loss=loss, backend=name, dtype="float64")
        model.fit(X, target, epochs=2)
        results.append(model.evaluate(X, target))
    assert results[1] == pytest.approx(results[0], rel=1e-9)


def test_every_part_trains_as_on_numpy(entry):
    """Each layer, activation, loss, metric and optimizer, in float64."""
    X, y = entry.data()
    models = [entry.model(name) for name in ("numpy", "cupy")]
    rows = [m.fit(X, y, epochs=3, batch_size=16, validation_data=(X, y)) for m in models]
    for column in set(rows[0].columns) - {"seconds"}:
        np.testing.assert_allclose(rows[1][column], rows[0][column], rtol=1e-6, atol=1e-9)
    for name, array in models[0].state_dict().items():
        found = models[1].state_dict()[name].get()
        np.testing.assert_allclose(found, array, rtol=1e-6, atol=1e-9, err_msg=name)


def test_a_loss_that_diverges_stops_the_epoch():
    X, y = _data()
    model = xn.MLP([20, 64, 1], loss="mean_squared_error", optimizer=xn.SGD(1e6), backend="cupy")
    with pytest.raises(xn.errors.DivergedError):
        model.fit(X, y.astype(float), epochs=5)
    assert np.isfinite(model.predict(X)).all()
