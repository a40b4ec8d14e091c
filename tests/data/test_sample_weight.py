"""Sample weights, and the averages that History and `evaluate` report."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xpnet as xn

RNG = np.random.default_rng(0)
X, REAL, LABELS = RNG.normal(size=(14, 4)), RNG.normal(size=(14, 3)), RNG.integers(0, 3, 14)
COUNTS = np.array([2, 1, 0, 3, 1, 1, 0, 4, 1, 2, 0, 1, 1, 5])
TARGETS = {
    "softmax_cross_entropy": LABELS,
    "binary_cross_entropy_with_logits": (REAL > 0).astype(float),
    "mean_squared_error": REAL,
}
OPTIMIZERS = {
    "sgd": lambda: xn.SGD(0.1),
    "momentum": lambda: xn.SGD(0.1, momentum=0.9, weight_decay=0.01),
    "adam": lambda: xn.Adam(0.01),
}


def make(loss="softmax_cross_entropy", optimizer="sgd", **settings):
    net = xn.Sequential(xn.Dense(5, "tanh"), xn.Dense(3))
    return xn.Model(net, loss, OPTIMIZERS[optimizer](), dtype="float64", **settings)


def same(a, b, rtol=1e-9):
    assert list(a.parameters) == list(b.parameters)
    for name, value in a.parameters.items():
        np.testing.assert_allclose(value, b.parameters[name], rtol=rtol, atol=1e-12)


def averages(history):
    return {c: history[c] for c in history.columns if c not in ("seconds", "epoch")}


@pytest.mark.parametrize("loss", TARGETS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_weights_are_the_same_as_repeated_samples(loss, optimizer):
    y = TARGETS[loss]
    a, b = make(loss, optimizer), make(loss, optimizer)
    left = a.fit(X, y, sample_weight=COUNTS, epochs=5, batch_size=100)
    right = b.fit(np.repeat(X, COUNTS, 0), np.repeat(y, COUNTS, 0), epochs=5, batch_size=100)
    same(a, b)
    for column, values in averages(right).items():
        np.testing.assert_allclose(left[column], values, rtol=1e-9, err_msg=column)


@pytest.mark.parametrize("loss", TARGETS)
def test_a_weight_of_zero_leaves_the_sample_out(loss):
    y, keep = TARGETS[loss], COUNTS > 0
    a, b = make(loss), make(loss)
    a.fit(X, y, sample_weight=keep, epochs=3, batch_size=100)
    b.fit(X[keep], y[keep], epochs=3, batch_size=100)
    same(a, b)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=14, max_size=14).filter(any), st.floats(1e-3, 1e3))
def test_any_counts_and_any_scale(counts, scale):
    a, b = make(), make()
    w = np.array(counts) * scale
    found = float(a.train_on_batch(X, LABELS, w))
    repeated = np.repeat(X, counts, 0), np.repeat(LABELS, counts, 0)
    assert found == pytest.approx(float(b.train_on_batch(*repeated)), rel=1e-9)
    same(a, b, rtol=1e-7)


@pytest.mark.parametrize("weight", [1e-30, 1e30])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_only_the_proportions_of_the_weights_matter(weight, dtype):
    runs = []
    for w in (np.ones(14), np.full(14, weight)):
        model = xn.Model(xn.Dense(3), optimizer=xn.SGD(0.1), dtype=dtype)
        runs.append(model.fit(X, LABELS, sample_weight=w, epochs=3, batch_size=5)["loss"])
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_batch_without_weight_adds_nothing(optimizer, place):
    """Its gradient is 0: plain SGD stands still, momentum only rolls on."""
    states = []

    class Watch(xn.Callback):
        def on_epoch_begin(self, model, epoch):
            states.append(model.state_dict())

        def on_step_end(self, model, step):
            states.append(model.state_dict())

    w = np.ones(14)
    w[5 * place : 5 * place + 5] = 0
    model = make(optimizer=optimizer)
    history = model.fit(X, LABELS, sample_weight=w, epochs=1, batch_size=5, shuffle=False,
                        callbacks=[Watch()])  # fmt: skip
    assert np.isfinite(history["loss"] + history["accuracy"]).all()
    plain = isinstance(model.optimizer, xn.SGD) and not model.optimizer.momentum
    for name, value in states[place].items():
        if plain:
            np.testing.assert_array_equal(states[place + 1][name], value)
        other = (place + 1) % 3
        assert not np.array_equal(states[other + 1][name], states[other][name])


@pytest.mark.parametrize("batch_size", [1, 5, 13, 14, 100])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", TARGETS)
def test_the_history_is_the_average_over_samples(loss, weighted, batch_size):
    """With a rate so small that the parameters stay, every average is that of `evaluate`."""
    y, w = TARGETS[loss], np.linspace(0, 3, 14) if weighted else None
    metrics = [] if loss == "mean_squared_error" else ["accuracy"]
    metrics += [lambda z, t: xn.ops.sum(z, axis=-1)]
    net = xn.Sequential(xn.Dense(5, "tanh"), xn.Dense(3))
    model = xn.Model(net, loss, xn.SGD(1e-300), metrics=metrics, dtype="float64")
    settings = {"epochs": 1, "batch_size": batch_size, "sample_weight": w}
    held_out = (X[:9], y[:9], None if w is None else w[:9])
    history = model.fit(X, y, validation_data=held_out, **settings)
    for prefix, data in (("", (X, y, w)), ("val_", held_out)):
        for size in (None, 4):
            found = model.evaluate(*data[:2], sample_weight=data[2], batch_size=size)
            for name, value in found.items():
                assert history[prefix + name][0] == pytest.approx(value, rel=1e-12), name
    assert np.mean(model.predict(X).sum(-1)) == pytest.approx(
        model.evaluate(X, y)["<lambda>"], rel=1e-12
    )


def test_the_weighted_loss_is_numpys_average():
    model = make("mean_squared_error", input_shape=4).build()
    w = np.linspace(0, 3, 14)
    each = np.mean((model.predict(X) - REAL) ** 2, axis=1)
    expected = np.average(each, weights=w)
    assert model.evaluate(X, REAL, sample_weight=w)["loss"] == pytest.approx(expected, rel=1e-12)
    assert float(model.train_on_batch(X, REAL, w)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("form", [list, tuple, "float32", "int8", bool])
def test_weights_in_any_form(form):
    w = COUNTS > 0
    given_ = form(w) if form in (list, tuple) else w.astype(form)
    a, b = make(), make()
    a.fit(X, LABELS, sample_weight=given_, epochs=1)
    b.fit(X, LABELS, sample_weight=w.astype(float), epochs=1)
    same(a, b, rtol=1e-15)
