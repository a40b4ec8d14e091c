"""Dropout and Gaussian noise: only in training, new in each step, the same on every backend."""

import array_api_strict
import numpy as np
import pytest

import xpnet as xn

X = np.random.default_rng(0).normal(size=(400, 6))
Y = np.random.default_rng(1).normal(size=(400, 2))
ONES = np.ones((500, 40))


def outputs(layer, x=ONES, step=0, seed=0, **settings):
    """The layer's output f(x) in a training step: the gradient of sum(w f(x)) with respect to w."""
    vg = xn.value_and_grad(lambda w, v: xn.ops.sum(w * layer(v)), seed=seed, **settings)
    return vg(np.ones_like(x), x, step=step)[1]


def test_dropout_drops_the_rate_and_scales_the_rest():
    found = outputs(xn.Dropout(0.2))
    kept = found != 0
    np.testing.assert_allclose(found[kept], 1.25, rtol=1e-12)
    assert abs(kept.mean() - 0.8) < 4 * np.sqrt(0.16 / ONES.size)
    assert abs(kept.mean(axis=0) - 0.8).max() < 5 * np.sqrt(0.16 / 500)


def test_the_gradient_passes_where_the_input_does():
    layer = xn.Dropout(0.5)
    vg = xn.value_and_grad(lambda v: xn.ops.sum(layer(v)))
    np.testing.assert_array_equal(vg(ONES)[1], outputs(layer))


def test_another_step_or_seed_draws_other_numbers():
    layer = xn.Dropout(0.5)
    first = outputs(layer)
    np.testing.assert_array_equal(first, outputs(layer))
    for other in (outputs(layer, step=1), outputs(layer, seed=1), outputs(layer, step=2**40)):
        assert 0.45 < (other != first).mean() < 0.55


def test_two_layers_draw_other_numbers():
    one, two = xn.Dropout(0.5), xn.Dropout(0.5)
    vg = xn.value_and_grad(lambda w, u, v: xn.ops.sum(w * one(v) + u * two(v)), wrt=(0, 1))
    a, b = vg(np.ones_like(ONES), np.ones_like(ONES), ONES)[1]
    assert 0.45 < (a != b).mean() < 0.55


def test_noise_has_the_standard_deviation_asked_for():
    found = outputs(xn.GaussianNoise(0.3)) - 1
    assert abs(found.mean()) < 5 * 0.3 / np.sqrt(found.size)
    assert abs(found.std() - 0.3) < 0.3 * 5 / np.sqrt(2 * found.size)


@pytest.mark.parametrize("layer", [xn.Dropout(0.5), xn.GaussianNoise(0.5)], ids=repr)
def test_nothing_happens_outside_of_training(layer):
    np.testing.assert_array_equal(outputs(layer, X, training=False), X)
    net = xn.Sequential(layer, xn.Dense(2))
    model = xn.Model(net, "mse", dtype="float64", input_shape=6).build()
    w = model.parameters["layers.1.weight"]
    np.testing.assert_allclose(model.predict(X), X @ w, rtol=1e-12)
    np.testing.assert_allclose(model.evaluate(X, Y)["loss"], ((X @ w - Y) ** 2).mean(), rtol=1e-6)


@pytest.mark.parametrize("layer", [xn.Dropout(0), xn.GaussianNoise(0)], ids=repr)
def test_rate_nothing_does_nothing(layer):
    np.testing.assert_array_equal(outputs(layer, X), X)


def trained(backend="numpy", **fit):
    net = xn.Sequential(xn.GaussianNoise(0.1), xn.Dense(8, "relu"), xn.Dropout(0.3), xn.Dense(2))
    model = xn.Model(net, "mse", xn.SGD(0.05), backend=backend, dtype="float64", seed=3)
    history = model.fit(X, Y, **{"epochs": 3, "batch_size": 50} | fit)
    return history["loss"], model.state_dict()


def test_training_is_the_same_on_the_interpreter_to_rounding():
    losses, state = trained()
    others, other = trained(array_api_strict)
    np.testing.assert_allclose(others, losses, rtol=1e-12)
    for name, array in state.items():
        np.testing.assert_allclose(np.asarray(other[name]), array, rtol=1e-10, atol=1e-14)


def test_training_in_two_parts_draws_as_in_one():
    net = xn.Sequential(xn.Dense(8, "relu"), xn.Dropout(0.3), xn.Dense(2))
    whole, parts = (xn.Model(net, "mse", seed=3) for _ in range(2))
    losses = whole.fit(X, Y, epochs=4)["loss"]
    assert [*parts.fit(X, Y, epochs=1)["loss"], *parts.fit(X, Y, epochs=3)["loss"]] == losses


def test_steps_of_one_batch_differ():
    """Repeating a batch drops other numbers, so the loss differs even without learning."""
    net = xn.Sequential(xn.Dense(8), xn.Dropout(0.5), xn.Dense(2))
    model = xn.Model(net, "mse", xn.SGD(1e-12))
    losses = {float(model.train_on_batch(X, Y)) for _ in range(4)}
    assert len(losses) == 4


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, np.nan, "half", None, True], ids=repr)
def test_the_rate_of_dropout_is_checked(rate):
    with pytest.raises(xn.errors.ArgumentError, match=r"rate must be a number in \[0, 1\)"):
        xn.Dropout(rate)


@pytest.mark.parametrize("std", [-0.1, np.inf, np.nan, "1"], ids=repr)
def test_the_size_of_noise_is_checked(std):
    with pytest.raises(xn.errors.ArgumentError, match="std must be a number"):
        xn.GaussianNoise(std)


def test_dropout_in_one_line():
    model = xn.MLP([6, 8, 8, 2], dropout=0.2)
    kinds = [type(layer).__name__ for layer in model.config.net.layers]
    assert kinds == ["Dense", "ReLU", "Dropout", "Dense", "ReLU", "Dropout", "Dense"]
