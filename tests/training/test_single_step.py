"""`train_on_batch`: steps on batches that are like the one before take a short way."""

import gc
import importlib
import weakref

import numpy as np
import pytest

import xpnet as xn
import xpnet.model

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 5)).astype("float32")
LABELS = RNG.integers(0, 3, 64)
REAL = RNG.normal(size=(64, 3)).astype("float32")
TASKS = {"labels": ("softmax_cross_entropy", LABELS), "values": ("mse", REAL)}
BATCHES = [slice(start, start + 16) for start in range(0, 64, 16)]


def make(loss="softmax_cross_entropy", **settings):
    settings = {"optimizer": xn.Adam(), "seed": 1, **settings}
    return xn.Model(xn.Sequential(xn.Dense(6, "tanh"), xn.Dropout(0.1), xn.Dense(3)), loss,
                    **settings)  # fmt: skip


def forbid(monkeypatch):
    """Let every way but the short one fail."""

    def fail(*_, **__):
        raise AssertionError("this took the long way")

    monkeypatch.setattr(xpnet.model, "accept", fail)


@pytest.mark.parametrize("task", list(TASKS))
def test_the_short_way_makes_the_same_steps(monkeypatch, task):
    loss, y = TASKS[task]
    model, other = make(loss), make(loss)
    lists = [(X[part].tolist(), y[part].tolist()) for part in BATCHES]  # always the long way
    expected = [float(other.train_on_batch(*batch)) for batch in lists]
    losses = [model.train_on_batch(X[BATCHES[0]], y[BATCHES[0]])]
    forbid(monkeypatch)
    losses += [model.train_on_batch(X[part], y[part]) for part in BATCHES[1:]]
    assert [float(found) for found in losses] == expected
    assert {(type(found), found.shape) for found in losses} == {(np.ndarray, ())}
    for name, value in other.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[name], value)


BAD = {
    "NaN": (np.full_like(X[:16], np.nan), LABELS[:16], xn.errors.DataError, "NaN"),
    "a label too high": (X[:16], LABELS[:16] + 1, xn.errors.DataError, "from 0 to 2"),
    "a label below 0": (X[:16], LABELS[:16] - 1, xn.errors.DataError, "from 0 to 2"),
    "another shape": (X[:16, :4], LABELS[:16], xn.errors.ShapeError, "features|shape"),
    "other targets": (X[:16], REAL[:16, 0], xn.errors.DTypeError, "integers"),
    "fewer targets": (X[:16], LABELS[:15], xn.errors.DataError, "15"),
}


@pytest.mark.parametrize("kind", list(BAD))
def test_bad_batches_are_refused_as_ever(kind):
    x, y, error, words = BAD[kind]
    model = make()
    for _ in range(2):
        model.train_on_batch(X[:16], LABELS[:16])
    before, step = model.state_dict(), model.engine.state.step
    with pytest.raises(error, match=words):
        model.train_on_batch(x, y)
    assert model.engine.state.step == step
    for name, value in before.items():
        np.testing.assert_array_equal(model.state_dict()[name], value)
    model.train_on_batch(X[:16], LABELS[:16])


def test_values_that_are_not_finite_are_refused():
    model = make("mse")
    model.train_on_batch(X, REAL)
    bad = REAL.copy()
    bad[3, 1] = np.inf
    with pytest.raises(xn.errors.DataError, match="y contains NaN or infinity"):
        model.train_on_batch(X, bad)


def test_probabilities_are_looked_at_in_full():
    model = make()
    soft = np.full((64, 3), 1 / 3, "float32")
    for _ in range(2):
        model.train_on_batch(X, soft)
    with pytest.raises(xn.errors.DataError, match="add up to 1"):
        model.train_on_batch(X, 2 / 3 * soft + 0.3)


def test_embeddings_are_looked_at_in_full():
    model = xn.Model(xn.Sequential(xn.Embedding(9, 2), xn.Flatten(), xn.Dense(3)))
    ids = RNG.integers(0, 9, (64, 4)).astype("float32")
    for _ in range(2):
        model.train_on_batch(ids, LABELS)
    with pytest.raises(xn.errors.DataError, match="0 to 8"):
        model.train_on_batch(ids + 1, LABELS)


def test_what_changes_in_between_counts():
    model = make()
    for _ in range(2):
        model.train_on_batch(X, LABELS)
    model.optimizer = xn.SGD(1e-9)
    before = model.state_dict()["layers.0.weight"]
    model.train_on_batch(X, LABELS)
    np.testing.assert_allclose(model.state_dict()["layers.0.weight"], before, atol=1e-7)
    model.optimizer.learning_rate = 0.5
    model.freeze("layers.0")
    model.train_on_batch(X, LABELS)
    model.train_on_batch(X, LABELS, np.zeros(64) + 0.5)
    np.testing.assert_allclose(model.state_dict()["layers.0.weight"], before, atol=1e-7)
    model.optimizer = "lbfgs"
    with pytest.raises(xn.errors.ArgumentError, match="all samples at once"):
        model.train_on_batch(X, LABELS)


def test_a_loss_that_is_not_finite_stops_the_short_way_too():
    model = make("mse", check_finite=False)
    model.train_on_batch(X, REAL)
    before = model.state_dict()
    with pytest.raises(xn.errors.DivergedError, match=r"became nan in step 2.*not made"):
        model.train_on_batch(np.full_like(X, np.nan), REAL)
    for name, value in before.items():
        np.testing.assert_array_equal(model.state_dict()[name], value)
    assert model.engine.state.step == 1


@pytest.mark.parametrize("library", ["numpy", "array_api_strict"])
def test_the_batch_is_not_kept(library):
    xp = importlib.import_module(library)
    model, x, y = make(), xp.asarray(X, copy=True), xp.asarray(LABELS, copy=True)
    for _ in range(2):
        model.train_on_batch(x, y)
    alive = weakref.ref(x)
    del x
    gc.collect()
    assert alive() is None


def test_weights_in_between_do_not_end_the_short_way(monkeypatch):
    model = make()
    for weights in (np.ones(64, "float32"), None, np.ones(64, "float32")):
        model.train_on_batch(X, LABELS, weights)
    forbid(monkeypatch)
    model.train_on_batch(X, LABELS)
