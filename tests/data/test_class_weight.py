"""Class weights are sample weights by class."""

import array_api_strict
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

import xpnet as xn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4))
Y = np.where(RNG.random(80) < 0.8, 0, RNG.integers(1, 3, 80))
LOSSES = ["softmax_cross_entropy", "focal", "multiclass_hinge"]


def losses(loss="softmax_cross_entropy", y=Y, outputs=3, backend="numpy", **fit):
    model = xn.MLP([4, 6, outputs], loss=loss, dtype="float64", backend=backend)
    return model.fit(X, y, epochs=3, batch_size=30, **fit)["loss"]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weights", ["balanced", {0: 0.5, 2: 3}, [1, 2, 0]], ids=str)
@pytest.mark.parametrize("backend", ["numpy", array_api_strict], ids=["plan", "interp"])
def test_as_the_sample_weights_of_scikit_learn(loss, weights, backend):
    named = dict(enumerate(weights)) if isinstance(weights, list) else weights
    if isinstance(named, dict):
        named = {k: named.get(k, 1) for k in range(3)}
    wanted = losses(loss, sample_weight=compute_sample_weight(named, Y))
    np.testing.assert_allclose(
        losses(loss, class_weight=weights, backend=backend), wanted, rtol=1e-9
    )


def test_both_weights_multiply():
    w = RNG.random(80)
    factor = compute_sample_weight({0: 1, 1: 4, 2: 9}, Y)
    wanted = losses(sample_weight=w * factor)
    np.testing.assert_allclose(losses(sample_weight=w, class_weight=[1, 4, 9]), wanted, rtol=1e-12)


def test_probabilities_have_the_mean_of_their_classes_weights():
    one_hot = np.eye(3)[Y]
    np.testing.assert_allclose(
        losses(y=one_hot, class_weight=[1, 4, 9]), losses(class_weight=[1, 4, 9]), rtol=1e-9
    )


@pytest.mark.parametrize("weights", ["balanced", {1: 5}, [0.5, 2]], ids=str)
def test_two_classes_and_one_output(weights):
    y = (Y > 0).astype(int)
    named = dict(enumerate(weights)) if isinstance(weights, list) else weights
    wanted = losses("binary_cross_entropy_with_logits", y, 1,
                    sample_weight=compute_sample_weight(named, y))  # fmt: skip
    found = losses("binary_cross_entropy_with_logits", y, 1, class_weight=weights)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("equal", "must be 'balanced'"),
        ({3: 1.0}, "names 3, but the classes are"),
        ({"cat": 1.0}, "names 'cat'"),
        ([1, 2], "a list of 3 numbers"),
        ([1, -2, 1], "class_weight of class 1"),
        ([0, 0, 0], "0 for every sample"),
        (["a", 1, 1], "class_weight of class 0"),
        ({0: None}, "class_weight of class 0"),
        (np.ones((3, 2)), "a list of 3 numbers"),
        (3.0, "a list of 3 numbers"),
    ],
)
def test_wrong_weights_are_refused_before_anything_changes(weights, message):
    model = xn.Model(xn.Dense(3))
    with pytest.raises(xn.errors.ArgumentError, match=message):
        model.fit(X, Y, class_weight=weights)
    assert not model.built


def test_a_loss_without_classes_has_no_class_weights():
    with pytest.raises(xn.errors.ArgumentError, match="needs a loss with classes"):
        losses("mse", X[:, 0], 1, class_weight="balanced")
