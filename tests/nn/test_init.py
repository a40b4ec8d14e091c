"""Initializers: their distributions, their names, and what they refuse."""

import copy
import pickle
from math import erf, erfc, exp, inf, nan, pi, sqrt

import numpy as np
import pytest

import xpnet as xn
from xpnet import random
from xpnet.nn.init.quantile import normal_quantile
from xpnet.random import Key

SHAPE = (300, 200)
FAN_IN, FAN_OUT = SHAPE

EACH = [
    xn.init.zeros(),
    xn.init.constant(-2.5),
    xn.init.normal(0.3, mean=2.0),
    xn.init.uniform(-1.0, 3.0),
    xn.init.truncated_normal(0.5, low=-1.0, high=3.0),
    xn.init.glorot_uniform(),
    xn.init.glorot_normal(5 / 3),
    xn.init.he_uniform(),
    xn.init.he_normal(0.2),
    xn.init.lecun_uniform(),
    xn.init.lecun_normal(),
    xn.init.orthogonal(2.0),
]
FOR_VECTORS = ["zeros", "ones", "normal", "uniform", "truncated_normal"]
FOR_MATRICES = [
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
]


def draw(initializer, shape=SHAPE, seed=0):
    return initializer(np, Key(seed, 1), shape)


@pytest.mark.parametrize(
    ("initializer", "mean", "std"),
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
        (xn.init.glorot_uniform(3.0), 0, 3 * sqrt(2 / (FAN_IN + FAN_OUT))),
        (xn.init.glorot_normal(3.0), 0, 3 * sqrt(2 / (FAN_IN + FAN_OUT))),
        (xn.init.he_uniform(0.5), 0, sqrt(2 / 1.25 / FAN_IN)),
        (xn.init.he_normal(0.5), 0, sqrt(2 / 1.25 / FAN_IN)),
        (xn.init.lecun_uniform(), 0, sqrt(1 / FAN_IN)),
        (xn.init.lecun_normal(), 0, sqrt(1 / FAN_IN)),
        (xn.init.orthogonal(), 0, sqrt(1 / FAN_IN)),
    ],
    ids=repr,
)
def test_mean_and_standard_deviation(initializer, mean, std):
    w = draw(initializer)
    assert w.shape == SHAPE
    assert np.mean(w) == pytest.approx(mean, abs=4 * std / sqrt(w.size) + 1e-15)
    assert np.std(w) == pytest.approx(std, rel=0.02)


@pytest.mark.parametrize(
    ("initializer", "low", "high"),
    [
        (xn.init.uniform(-1.0, 3.0), -1, 3),
        (xn.init.glorot_uniform(), -sqrt(6 / 500), sqrt(6 / 500)),
        (xn.init.he_uniform(), -sqrt(6 / 300), sqrt(6 / 300)),
        (xn.init.lecun_uniform(), -sqrt(3 / 300), sqrt(3 / 300)),
    ],
    ids=repr,
)
def test_uniform_ones_fill_their_range_and_stay_in_it(initializer, low, high):
    w = draw(initializer)
    assert low < w.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < w.max() < high


@pytest.mark.parametrize(
    "make",
    [
        xn.init.glorot_normal,
        xn.init.he_uniform,
        xn.init.normal,
        xn.init.truncated_normal,
        xn.init.orthogonal,
    ],
)
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
        (lambda: xn.init.truncated_normal(0), "std must be .*greater than 0"),
        (lambda: xn.init.truncated_normal(low=1, high=1), "high - low must be .*greater than 0"),
        (lambda: xn.init.truncated_normal(low=31, high=50), "practically nothing"),
        (lambda: xn.init.truncated_normal(low=-50, high=-31), "practically nothing"),
        (lambda: xn.init.glorot_uniform(0), "gain must be .*greater than 0"),
        (lambda: xn.init.glorot_normal(-1), "gain must be .*greater than 0"),
        (lambda: xn.init.orthogonal(0), "gain must be .*greater than 0"),
        (lambda: xn.init.he_normal(nan), "negative_slope must be a finite number"),
        (lambda: xn.init.he_uniform(inf), "negative_slope must be a finite number"),
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
        lambda: xn.init.truncated_normal(low=-inf),
        lambda: xn.init.constant(nan),
        lambda: xn.init.constant("zero"),
    ],
    ids=["std inf", "mean nan", "std text", "high inf", "low inf", "constant nan", "constant text"],
)
def test_what_is_not_a_finite_number_is_refused(call):
    with pytest.raises(xn.errors.ArgumentError):
        call()


def test_an_unknown_name_lists_the_names_and_the_nearest():
    with pytest.raises(xn.errors.UnknownNameError) as caught:
        xn.Dense(3, kernel_init="he_normale")
    text = str(caught.value)
    assert "initializer 'he_normale'" in text
    assert "Did you mean 'he_normal'?" in text
    for name in FOR_VECTORS + FOR_MATRICES:
        assert name in text


@pytest.mark.parametrize(
    "spec",
    [0.01, None, xn.init.normal, xn.init.zeros],
    ids=["number", "None", "normal", "zeros"],
)
@pytest.mark.parametrize("which", ["kernel_init", "bias_init"])
def test_what_is_no_initializer_is_refused(spec, which):
    with pytest.raises(xn.errors.ArgumentError, match=r"xpnet\.init\.normal\(0\.01\)"):
        xn.Dense(3, **{which: spec})


@pytest.mark.parametrize("name", FOR_MATRICES)
def test_initializers_with_fans_refuse_vectors(name):
    model = xn.Model(xn.Dense(3, bias_init=name), input_shape=4)
    with pytest.raises(xn.errors.ShapeError, match=rf"{name} needs .*\(in, out\), got \(3,\)"):
        model.build()


@pytest.mark.parametrize("name", FOR_VECTORS)
def test_the_others_start_biases(name):
    model = xn.Model(xn.Dense(5, bias_init=name), input_shape=4).build()
    key = Key(model.seed, 1, 1)  # the second parameter's
    expected = getattr(xn.init, name)() if name in ("zeros", "ones") else xn.init.get(name)
    np.testing.assert_array_equal(
        model.parameters["bias"], expected(np, key, (5,)).astype("float32")
    )


@pytest.mark.parametrize("name", FOR_VECTORS + FOR_MATRICES)
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (2, 4, 3)])
def test_odd_shapes(name, shape):
    w = draw(xn.init.get(name), shape)
    assert w.shape == shape
    assert w.dtype == np.float64


@pytest.mark.parametrize("initializer", EACH, ids=repr)
def test_copies_through_pickle_draw_the_same_numbers(initializer):
    for twin in (pickle.loads(pickle.dumps(initializer)), copy.deepcopy(initializer)):
        assert twin == initializer
        assert hash(twin) == hash(initializer)
        np.testing.assert_array_equal(draw(twin), draw(initializer))


@pytest.mark.parametrize("initializer", EACH, ids=repr)
def test_what_is_shown_is_the_call_that_makes_it(initializer):
    assert eval(repr(initializer), vars(xn.init).copy()) == initializer


def test_different_settings_are_different_initializers():
    assert len(set(EACH)) == len(EACH)
    assert xn.init.normal(0.1) != xn.init.normal(0.2)


def density(z):
    return exp(-z * z / 2) / sqrt(2 * pi)


def distribution(z):
    return (1 + erf(z / sqrt(2))) / 2


@pytest.mark.parametrize(
    ("low", "high"), [(-2.0, 2.0), (-1.0, 3.0), (0.5, 0.75), (-0.1, 40.0), (1.0, 4.0), (-4.0, -1.0)]
)
def test_truncated_normal_numbers_have_the_moments_of_the_cut_distribution(low, high):
    w = draw(xn.init.truncated_normal(0.5, 10.0, low, high))
    z = (w - 10.0) / 0.5
    mass = distribution(high) - distribution(low)
    mean = (density(low) - density(high)) / mass
    square = 1 + (low * density(low) - high * density(high)) / mass
    std = sqrt(square - mean**2)
    assert np.mean(z) == pytest.approx(mean, abs=4 * std / sqrt(z.size))
    assert np.std(z) == pytest.approx(std, rel=0.02)
    assert low - 1e-12 <= z.min() < low + 0.05
    assert z.max() <= high + 1e-12


def test_truncated_normal_numbers_far_out_in_a_tail():
    right = draw(xn.init.truncated_normal(1.0, 0.0, 8.0, 9.0))
    left = draw(xn.init.truncated_normal(1.0, 0.0, -9.0, -8.0))
    np.testing.assert_array_equal(right, -left)
    assert 8 <= right.min() < 8.001
    mass = (erfc(8 / sqrt(2)) - erfc(9 / sqrt(2))) / 2
    assert np.mean(right) == pytest.approx((density(8) - density(9)) / mass, abs=1e-3)


def test_truncated_normal_numbers_follow_the_normal_ones_of_scipy():
    special = pytest.importorskip("scipy.special")
    u = random.uniform(np, Key(0, 1), (1000,))
    low, high = special.ndtr(-2.0), special.ndtr(2.0)
    expected = special.ndtri(low + u * (high - low))
    found = draw(xn.init.truncated_normal(1.0), (1000,))
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


def test_the_normal_quantile_agrees_with_scipys():
    special = pytest.importorskip("scipy.special")
    p = np.concatenate(
        [np.logspace(-300, -1, 500), np.linspace(0.001, 0.999, 999), 1 - np.logspace(-15, -1, 100)]
    )
    np.testing.assert_allclose(normal_quantile(np, p), special.ndtri(p), rtol=2e-15, atol=1e-17)


def test_the_normal_quantile_is_the_same_on_other_libraries():
    strict = pytest.importorskip("array_api_strict")
    p = np.linspace(0.001, 0.999, 99)
    np.testing.assert_allclose(
        np.asarray(normal_quantile(strict, strict.asarray(p))), normal_quantile(np, p), rtol=1e-15
    )


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (1, 5), (5, 1), (2, 6, 3)])
@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_orthogonal_weights_have_singular_values_of_gain(shape, gain):
    w = draw(xn.init.orthogonal(gain), shape)
    singular = np.linalg.svd(w, compute_uv=False)
    np.testing.assert_allclose(singular, np.full(singular.shape, gain), rtol=1e-12)


def test_orthogonal_weights_prefer_no_direction():
    corners = np.array([draw(xn.init.orthogonal(), (2, 2), seed) for seed in range(2000)])
    assert abs(np.mean(corners)) < 0.02
    assert np.mean(np.linalg.det(corners) > 0) == pytest.approx(0.5, abs=0.05)
    assert np.mean(corners[:, 0, 0] > 0) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("initializer", "name", "settings"),
    [
        (xn.init.normal(0.3), "normal_", {"std": 0.3}),
        (xn.init.uniform(-0.2, 0.4), "uniform_", {"a": -0.2, "b": 0.4}),
        (xn.init.truncated_normal(0.5), "trunc_normal_", {"std": 0.5, "a": -1.0, "b": 1.0}),
        (xn.init.glorot_uniform(1.5), "xavier_uniform_", {"gain": 1.5}),
        (xn.init.glorot_normal(), "xavier_normal_", {}),
        (xn.init.he_uniform(0.3), "kaiming_uniform_", {"a": 0.3}),
        (xn.init.he_normal(), "kaiming_normal_", {}),
        (xn.init.lecun_normal(), "kaiming_normal_", {"nonlinearity": "linear"}),
        (xn.init.lecun_uniform(), "kaiming_uniform_", {"nonlinearity": "linear"}),
        (xn.init.orthogonal(1.5), "orthogonal_", {"gain": 1.5}),
    ],
    ids=repr,
)
def test_spread_agrees_with_torch(initializer, name, settings):
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(0)
    weight = torch.empty(FAN_OUT, FAN_IN, dtype=torch.float64)  # torch stores (out, in)
    theirs = getattr(torch.nn.init, name)(weight, **settings, generator=generator).numpy()
    w = draw(initializer)
    assert np.var(w) == pytest.approx(np.var(theirs), rel=0.03)
    assert np.mean(w) == pytest.approx(np.mean(theirs), abs=8 * np.std(w) / sqrt(w.size))


def test_initializers_start_the_layer_as_asked():
    layer = xn.Dense(3, kernel_init=xn.init.constant(2.0), bias_init="ones")
    model = xn.Model(layer, input_shape=4).build()
    np.testing.assert_array_equal(model.parameters["weight"], np.full((4, 3), 2, "float32"))
    np.testing.assert_array_equal(model.parameters["bias"], np.ones(3, "float32"))


def test_two_layers_do_not_start_alike():
    model = xn.Model(xn.Sequential(xn.Dense(4), xn.Dense(4)), input_shape=4).build()
    first, second = (model.parameters[f"layers.{i}.weight"] for i in (0, 1))
    assert not np.any(first == second)


def test_a_users_own_initializer():
    def eye(xp, key, shape):
        return xp.eye(*shape)

    model = xn.Model(xn.Dense(3, kernel_init=eye), input_shape=4).build()
    np.testing.assert_array_equal(model.parameters["weight"], np.eye(4, 3, dtype="float32"))


def test_a_users_initializer_of_the_wrong_shape_is_named():
    model = xn.Model(xn.Dense(3, kernel_init=lambda xp, key, shape: xp.zeros(2)), input_shape=4)
    with pytest.raises(xn.errors.GraphError, match=r"'weight'.*\(4, 3\).*\(2,\)"):
        model.build()
