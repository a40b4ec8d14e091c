"""Layers with one number per column, and embeddings of numbers by waves."""

import math

import numpy as np
import pytest

import xpnet as xn
from xpnet.testing import check_layer

X = np.random.default_rng(0).normal(size=(7, 4))
WAVES = "frequency phase weight bias".split()


def built(layer, **settings):
    return xn.Model(layer, "mse", dtype="float64", input_shape=4, metrics=(), **settings).build()


def moved(model, seed=1):
    """The model with other parameters than those that it starts with."""
    rng = np.random.default_rng(seed)
    state = model.state_dict()
    model.load_state_dict({name: a + rng.normal(size=a.shape) for name, a in state.items()})
    return {name: np.asarray(a) for name, a in model.parameters.items()}


@pytest.mark.parametrize(
    "layer",
    [
        xn.LearnedScale(rate=6.0, decay=2.0),
        xn.ParametricActivation("mish"),
        xn.ParametricActivation(xn.SELU(), decay=0.0),
        xn.PeriodicEmbedding(),
        xn.PeriodicEmbedding(2, units=3, frequencies=5, std=1.0),
    ],
    ids=repr,
)
def test_gradients_on_every_library(layer):
    check_layer(layer, 4)


def test_a_scale_starts_as_1():
    model = built(xn.LearnedScale())
    np.testing.assert_array_equal(model.predict(X), X)
    scale = moved(model)["scale"]
    np.testing.assert_allclose(model.predict(X), X * scale)


def test_a_parametric_activation_starts_as_the_activation():
    model = built(xn.ParametricActivation("tanh"))
    np.testing.assert_allclose(model.predict(X), np.tanh(X))
    share = moved(model)["share"]
    np.testing.assert_allclose(model.predict(X), X + share * (np.tanh(X) - X))


def test_waves_of_each_column_then_the_columns():
    model = built(xn.PeriodicEmbedding(3, units=4, frequencies=6, std=0.5))
    found = moved(model)
    assert {n: a.shape for n, a in found.items()} == dict(
        zip(WAVES, [(3, 6, 1), (3, 6, 1), (3, 3, 6), (3, 3, 1)], strict=True)
    )
    y = model.predict(X)
    assert y.shape == (7, 3 * 3 + 4)
    np.testing.assert_array_equal(y[:, 9:], X)
    for column in range(3):
        f, p, a, c = (found[name][column] for name in WAVES)
        angle = 2 * math.pi * f[:, 0] * X[:, column, None] + p[:, 0]
        wanted = np.cos(angle) @ a.T + c[:, 0]
        np.testing.assert_allclose(y[:, 3 * column : 3 * column + 3], wanted, rtol=1e-10)


def test_initial_waves():
    model = xn.Model(
        xn.PeriodicEmbedding(std=0.3), "mse", input_shape=2000, metrics=(), seed=1
    ).build()
    f, p, a, c = (np.asarray(model.parameters[name]) for name in WAVES)
    assert abs(f.std() - 0.3) < 0.01
    assert abs(f.mean()) < 0.01
    assert -math.pi <= p.min() < -3.1
    assert 3.1 < p.max() <= math.pi
    for x in (a, c):
        assert 0.24 < np.abs(x).max() <= 0.25


def test_factors_reach_every_parameter():
    layer = xn.PeriodicEmbedding(2, rate=0.1, decay=0.5)
    specs = built(xn.Sequential(layer, xn.LearnedScale(rate=6.0), xn.Dense(1))).network.table.specs
    factors = {name.rpartition(".")[2]: (s.rate, s.decay) for name, s in specs.items()}
    assert factors["scale"] == (6.0, 1.0)
    assert all(specs[f"layers.0.{name}"].rate == 0.1 for name in WAVES)
    assert all(specs[f"layers.0.{name}"].decay == 0.5 for name in WAVES)


def test_saved_and_loaded(tmp_path):
    net = xn.Sequential(
        xn.PeriodicEmbedding(3, units=3, std=0.2, rate=0.1),
        xn.LearnedScale(rate=6.0, decay=6.0),
        xn.Dense(5, kernel_decay=2.0),
        xn.ParametricActivation("mish", rate=0.1),
        xn.Dense(1),
    )
    model = built(net, optimizer="adamw")
    model.fit(X, X[:, :1], epochs=2, verbose=False)
    model.save(tmp_path / "m.safetensors", optimizer_state=True)
    again = xn.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert repr(again.config.net) == repr(net)
    for one in (model, again):
        one.fit(X, X[:, :1], epochs=2, verbose=False)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: xn.LearnedScale(rate=0), "LearnedScale: rate"),
        (lambda: xn.LearnedScale(decay=-1), "LearnedScale: decay"),
        (lambda: xn.ParametricActivation("bogus"), "bogus"),
        (lambda: xn.ParametricActivation("relu", rate=-1), "ParametricActivation: rate"),
        (lambda: xn.PeriodicEmbedding(0), "PeriodicEmbedding: columns"),
        (lambda: xn.PeriodicEmbedding(units=1), "PeriodicEmbedding: units"),
        (lambda: xn.PeriodicEmbedding(frequencies=0), "PeriodicEmbedding: frequencies"),
        (lambda: xn.PeriodicEmbedding(std=0.0), "PeriodicEmbedding: std"),
        (lambda: built(xn.PeriodicEmbedding(5)), "at least 5 columns"),
        (lambda: xn.Model(xn.LearnedScale(), "mse", input_shape=()).build(), "samples, features"),
    ],
)
def test_refused(make, message):
    with pytest.raises(xn.errors.XpnetError, match=message):
        make()
