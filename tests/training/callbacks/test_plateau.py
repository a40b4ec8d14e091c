"""ReduceOnPlateau does to the learning rate what PyTorch's does."""

from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xpnet as xn
from xpnet.optim import Constant

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 4)), RNG.integers(0, 3, 30)


class Plain:
    """Stands for a model: an optimizer and a number of epochs."""

    def __init__(self, rate):
        self.optimizer, self.epoch = xn.SGD(rate), 0


def follow(callback, model, values):
    """The learning rate after each epoch of which these are the values."""
    callback.on_fit_begin(model)
    rates = []
    for value in values:
        model.epoch += 1
        callback.on_epoch_end(model, model.epoch, {"loss": value})
        rates.append(model.optimizer.rate(model.epoch))
    return rates


@settings(deadline=None)  # the first import of torch takes seconds
@given(
    st.lists(st.floats(-2, 2, width=16) | st.just(nan), max_size=60),
    st.fixed_dictionaries(
        {
            "factor": st.sampled_from([0.1, 0.5, 0.9]),
            "patience": st.integers(0, 4),
            "cooldown": st.integers(0, 3),
            "mode": st.sampled_from(["min", "max"]),
        }
    ),
    st.sampled_from([0.0, 1e-4, 0.5]),
    st.sampled_from([0.0, 0.01, 0.3]),
)
def test_the_rates_are_those_of_torch(values, chosen, min_delta, min_rate):
    torch = pytest.importorskip("torch")
    inner = torch.optim.SGD([torch.zeros(1)], lr=0.2)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        inner, threshold=min_delta, threshold_mode="abs", min_lr=min_rate, eps=0, **chosen
    )
    expected = []
    for value in values:
        theirs.step(value)
        expected.append(inner.param_groups[0]["lr"])
    if min_rate > 0.2:  # a least rate above the first one does not raise it
        expected = [0.2] * len(values)
    callback = xn.ReduceOnPlateau("loss", min_delta=min_delta, min_rate=min_rate, **chosen)
    assert follow(callback, Plain(0.2), values) == expected


def test_a_constant_rate_stays_one():
    model = Plain(0.2)
    follow(xn.ReduceOnPlateau("loss", factor=0.5, patience=0), model, [1, 1])
    assert model.optimizer.learning_rate == Constant(0.1)


def test_a_schedule_goes_on_scaled():
    model = Plain(xn.StepDecay(0.8, factor=0.5, every=2))
    callback = xn.ReduceOnPlateau("loss", factor=0.1, patience=0)
    rates = follow(callback, model, [2, 2, 1, 1, 0, -1])
    unscaled = [0.8 * 0.5 ** (epoch // 2) for epoch in range(1, 7)]
    assert callback.reductions == [2, 4]
    assert rates == pytest.approx(np.array([1, 0.1, 0.1, 0.01, 0.01, 0.01]) * unscaled)


def test_a_schedule_is_not_reduced_below_the_least_rate():
    model = Plain(lambda epoch: 0.4)
    callback = xn.ReduceOnPlateau("loss", factor=0.1, patience=0, min_rate=0.1)
    assert follow(callback, model, [1, 1, 1]) == pytest.approx([0.4, 0.1, 0.1])
    assert callback.reductions == [2]


def test_a_rate_is_never_reduced_to_0():
    assert min(follow(xn.ReduceOnPlateau("loss", patience=0), Plain(1e-300), [1.0] * 60)) > 0


@pytest.mark.parametrize("optimizer", [xn.SGD(0.1, momentum=0.9), xn.Adam(0.1)], ids=repr)
def test_a_fit_uses_the_reduced_rate_and_keeps_the_optimizers_state(optimizer):
    callback = xn.ReduceOnPlateau("loss", factor=0.5, patience=0, min_delta=100)
    model = xn.Model(xn.Dense(3), optimizer=optimizer, dtype="float64")
    history = model.fit(X, Y, epochs=4, shuffle=False, callbacks=[callback])
    assert history["learning_rate"] == [0.1, 0.1, 0.05, 0.025]
    assert callback.reductions == [2, 3, 4]
    scheduled = type(optimizer)(
        lambda epoch: [0.1, 0.1, 0.05, 0.025][int(epoch)],
        **({"momentum": 0.9} if isinstance(optimizer, xn.SGD) else {}),
    )
    twin = xn.Model(xn.Dense(3), optimizer=scheduled, dtype="float64")
    twin.fit(X, Y, epochs=4, shuffle=False)
    for name, value in twin.parameters.items():
        np.testing.assert_array_equal(model.parameters[name], value)


def test_a_second_fit_counts_anew_with_the_rate_as_it_is():
    model, callback = Plain(0.8), xn.ReduceOnPlateau("loss", factor=0.5, patience=1)
    assert follow(callback, model, [1, 1, 1]) == [0.8, 0.8, 0.4]
    assert follow(callback, model, [2, 1.5, 1.5]) == [0.4, 0.4, 0.4]
    assert callback.reductions == []


def test_lbfgs_has_no_rate_to_reduce():
    model = xn.Model(xn.Dense(3), optimizer=xn.optim.LBFGS())
    with pytest.raises(xn.errors.ArgumentError, match="no learning rate"):
        xn.ReduceOnPlateau("loss").on_fit_begin(model)


@pytest.mark.parametrize(
    "wrong",
    [
        {"factor": 1},
        {"factor": 0},
        {"factor": nan},
        {"patience": -1},
        {"cooldown": -1},
        {"min_rate": -0.1},
        {"min_delta": -1},
        {"mode": "up"},
        {"monitor": 1},
    ],
    ids=str,
)
def test_settings_are_checked(wrong):
    with pytest.raises(xn.errors.ArgumentError, match=next(iter(wrong))):
        xn.ReduceOnPlateau(**wrong)
