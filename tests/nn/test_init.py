"""Initialisers: their distributions, their names, and what they refuse."""

from math import inf, nan, sqrt

import numpy as np
import pytest

import xpnet as xn
from xpnet.random import Key

SHAPE = (300, 200)
FAN_IN, FAN_OUT = SHAPE


def draw(initialiser, shape=SHAPE, seed=0):
    return initialiser(np, Key(seed, 1), shape)


@pytest.mark.parametrize(
    ("initialiser", "mean", "std"),
    [
        (xn.init.zeros(), 0, 0),
        (xn.init.ones(), 1, 0),
        (xn.init.constant(-2.5), -2.5, 0),
        (xn.init.normal(0.3), 0, 0.3),
        (xn.init.normal(0.5, mean=2.0), 2, 0.5),
        (xn.init.uniform(-1.0, 3.0), 1, 4 / sqrt(12)),
        (xn.init.glorot_uniform(), 0, sqrt(2 / (FAN_IN + FAN_OUT))),
        (xn.init.glorot_normal(), 0, sqrt(2 / (FAN_IN + FAN_OUT))),
        (xn.init.he_uniform(), 0, sqrt(2 / FAN_IN)),
        (xn.init.he_normal(), 0, sqrt(2 / FAN_IN)),
    ],
    ids=repr,
)
def test_mean_and_standard_deviation(initialiser, mean, std):
    w = draw(initialiser)
    assert w.shape == SHAPE
    assert np.mean(w) == pytest.approx(mean, abs=4 * std / sqrt(w.size) + 1e-15)
    assert np.std(w) == pytest.approx(std, rel=0.02)


@pytest.mark.parametrize(
    ("initialiser", "low", "high"),
    [
        (xn.init.uniform(-1.0, 3.0), -1, 3),
        (xn.init.glorot_uniform(), -sqrt(6 / 500), sqrt(6 / 500)),
        (xn.init.he_uniform(), -sqrt(6 / 300), sqrt(6 / 300)),
    ],
    ids=repr,
)
def test_uniform_ones_fill_their_range_and_stay_in_it(initialiser, low, high):
    w = draw(initialiser)
    assert low < w.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < w.max() < high


@pytest.mark.parametrize("make", [xn.init.glorot_normal, xn.init.he_uniform, xn.init.normal])
def test_a_seed_gives_the_same_numbers_and_another_gives_others(make):
    np.testing.assert_array_equal(draw(make(), seed=3), draw(make(), seed=3))
    assert not np.any(draw(make(), seed=3) == draw(make(), seed=4))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: xn.init.normal(0), "std must be .*greater than 0"),
        (lambda: xn.init.normal(-1), "std must be .*greater than 0"),
        (lambda: xn.init.normal(nan), "std must be .*greater than 0"),
        (lambda: xn.init.uniform(1, 1), "high - low must be .*greater than 0"),
        (lambda: xn.init.uniform(2, 1), "high - low must be .*greater than 0"),
    ],
)
def test_impossible_ranges_are_refused(call, words):
    with pytest.raises(xn.errors.ArgumentError, match=words):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: xn.init.normal(inf),
        lambda: xn.init.normal(0.1, mean=nan),
        lambda: xn.init.normal("0.1"),
        lambda: xn.init.uniform(0, inf),
        lambda: xn.init.constant(nan),
        lambda: xn.init.constant("zero"),
    ],
    ids=["std inf", "mean nan", "std text", "high inf", "constant nan", "constant text"],
)
def test_what_is_not_a_finite_number_is_refused(call):
    with pytest.raises(xn.errors.ArgumentError):
        call()


def test_an_unknown_name_lists_the_names_and_the_nearest():
    with pytest.raises(xn.errors.UnknownNameError) as caught:
        xn.Dense(3, kernel_init="he_normale")
    text = str(caught.value)
    assert "initialiser 'he_normale'" in text
    assert "Did you mean 'he_normal'?" in text
    for name in ("glorot_normal", "glorot_uniform", "he_uniform", "normal", "ones", "zeros"):
        assert name in text


@pytest.mark.parametrize("spec", [0.01, None, xn.init.normal, xn.init.zeros], ids=repr)
@pytest.mark.parametrize("which", ["kernel_init", "bias_init"])
def test_what_is_no_initialiser_is_refused(spec, which):
    with pytest.raises(xn.errors.ArgumentError, match=r"xpnet\.init\.normal\(0\.01\)"):
        xn.Dense(3, **{which: spec})


def test_scaled_initialisers_refuse_vectors():
    model = xn.Model(xn.Dense(3, bias_init="he_normal"), input_shape=4)
    with pytest.raises(xn.errors.ShapeError, match=r"\(in, out\)"):
        model.build()


def test_initialisers_start_the_layer_as_asked():
    layer = xn.Dense(3, kernel_init=xn.init.constant(2.0), bias_init="ones")
    model = xn.Model(layer, input_shape=4).build()
    np.testing.assert_array_equal(model.parameters["weight"], np.full((4, 3), 2, "float32"))
    np.testing.assert_array_equal(model.parameters["bias"], np.ones(3, "float32"))


def test_two_layers_do_not_start_alike():
    model = xn.Model(xn.Sequential(xn.Dense(4), xn.Dense(4)), input_shape=4).build()
    first, second = (model.parameters[f"layers.{i}.weight"] for i in (0, 1))
    assert not np.any(first == second)


def test_a_users_own_initialiser():
    def eye(xp, key, shape):
        return xp.eye(*shape)

    model = xn.Model(xn.Dense(3, kernel_init=eye), input_shape=4).build()
    np.testing.assert_array_equal(model.parameters["weight"], np.eye(4, 3, dtype="float32"))


def test_a_users_initialiser_of_the_wrong_shape_is_named():
    model = xn.Model(xn.Dense(3, kernel_init=lambda xp, key, shape: xp.zeros(2)), input_shape=4)
    with pytest.raises(xn.errors.GraphError, match=r"'weight'.*\(4, 3\).*\(2,\)"):
        model.build()
