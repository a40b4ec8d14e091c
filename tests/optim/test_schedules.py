"""Learning rates as functions of the epoch."""

import pytest

from xpnet import SGD, StepDecay
from xpnet.errors import ArgumentError
from xpnet.optim import Constant, schedule


def test_constant():
    assert [schedule(0.25)(epoch) for epoch in (0, 1, 1000)] == [0.25] * 3
    assert schedule(0.25) == Constant(0.25)


def test_step_decay():
    rates = [StepDecay(0.8, factor=0.5, every=3)(epoch) for epoch in range(8)]
    assert rates == [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2]


def test_defaults_of_step_decay():
    decay = StepDecay(1.0)
    assert (decay(9), decay(10)) == (1.0, 0.1)


def test_any_function_is_a_schedule():
    def rate(epoch):
        return 1 / (1 + epoch)

    assert schedule(rate) is rate
    assert SGD(rate).learning_rate(3) == 0.25
    assert SGD(StepDecay(0.5)).learning_rate(0) == 0.5


BAD = {
    "rate": ((0.0,), "learning_rate must be a number greater than 0, got 0.0"),
    "rate of text": (("a",), "learning_rate"),
    "factor 0": ((0.1, 0), "factor"),
    "factor over 1": ((0.1, 1.5), "factor"),
    "factor nan": ((0.1, float("nan")), "factor"),
    "factor of text": ((0.1, "half"), "factor"),
    "every 0": ((0.1, 0.5, 0), "every must be a whole number of at least 1, got 0"),
    "every half": ((0.1, 0.5, 2.5), "every"),
    "every true": ((0.1, 0.5, True), "every"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=list(BAD))
def test_bad_settings(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        StepDecay(*arguments)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), None, "0.1"])
def test_bad_rates(rate):
    with pytest.raises(ArgumentError, match="learning_rate"):
        schedule(rate)
