"""Divergence: the right error, the last good parameters back, and a model that still works."""

from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends.generic import GenericBackend
from xpnet.errors import DivergedError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 4)), RNG.normal(size=(40, 3))
HUGE = 1e30
OPTIMIZERS = {
    "sgd": xn.SGD,
    "momentum": lambda rate: xn.SGD(rate, momentum=0.9),
    "nesterov": lambda rate: xn.SGD(rate, momentum=0.9, nesterov=True),
    "adam": xn.Adam,
}
BACKENDS = {"plan": "numpy", "interpreter": GenericBackend(np)}
if find_spec("torch"):
    BACKENDS["torch"] = import_module("torch")

# The interpreter lets NumPy warn of the overflow; the plan must not (see the last test).
pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")


class Rate:
    """A learning rate that can be changed between fits, and that jumps at an epoch."""

    def __init__(self, rate=0.01, later=HUGE, jump=10**9):
        self.rate, self.later, self.jump = rate, later, jump

    def __call__(self, epoch):
        return self.later if epoch >= self.jump else self.rate


class Watch(xn.Callback):
    """What a user sees: the parameters at the start of each epoch, and the calls."""

    def __init__(self):
        self.starts, self.ends, self.fit_ends = [], 0, 0

    def on_epoch_begin(self, model, epoch):
        self.starts.append(values(model))

    def on_epoch_end(self, model, epoch, logs):
        self.ends += 1

    def on_fit_end(self, model):
        self.fit_ends += 1


def values(model):
    return {n: np.from_dlpack(a).copy() for n, a in model.state_dict().items()}


def same(a, b):
    return all(np.array_equal(a[n], b[n]) for n in a)


def make(rate, optimizer="sgd", backend="numpy", **settings):
    net = xn.Sequential(xn.Dense(6), xn.ReLU(), xn.Dense(3))
    return xn.Model(net, "mean_squared_error", OPTIMIZERS[optimizer](rate),
                    backend=backend, input_shape=4, **settings).build()  # fmt: skip


def diverge(model, x=X, **settings):
    watch = Watch()
    with pytest.raises(DivergedError) as caught:
        model.fit(x, Y, callbacks=[watch], **{"batch_size": 16, "epochs": 6, **settings})
    return caught.value, watch


def check_usable(model, rate):
    """The model works after the error, and trains with a smaller rate."""
    assert np.isfinite(model.evaluate(X, Y)["loss"])
    assert model.engine.state.updates == 0
    assert all(bool((s == 0).all()) for s in model.engine.state.slots.values())
    rate.rate, rate.jump = 1e-3, 10**9
    done, before = model.epoch, model.evaluate(X, Y)["loss"]
    history = model.fit(X, Y, epochs=5, batch_size=16)
    assert history["epoch"] == list(range(done + 1, done + 6))
    assert model.evaluate(X, Y)["loss"] < before


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("backend", BACKENDS)
class TestEveryOptimizerAndBackend:
    def test_in_the_first_step(self, optimizer, backend):
        rate = Rate()
        model = make(rate, optimizer, BACKENDS[backend])
        start = values(model)
        error, watch = diverge(model, X * 1e30)
        assert (error.epoch, error.step) == (1, 1)
        assert same(values(model), start)
        assert (model.epoch, watch.ends, watch.fit_ends) == (0, 0, 1)
        check_usable(model, rate)

    def test_in_the_middle_of_the_first_epoch(self, optimizer, backend):
        rate = Rate(later=HUGE, jump=0)
        model = make(rate, optimizer, BACKENDS[backend])
        error, watch = diverge(model)
        assert (error.epoch, error.step) == (1, 2)
        assert same(values(model), watch.starts[0])
        check_usable(model, rate)

    def test_in_the_middle_of_a_later_epoch(self, optimizer, backend):
        rate = Rate(jump=2)
        model = make(rate, optimizer, BACKENDS[backend])
        error, watch = diverge(model)
        assert (error.epoch, error.step) == (3, 2)
        assert (model.epoch, watch.ends) == (2, 2)
        assert same(values(model), watch.starts[2])
        assert not same(values(model), watch.starts[0])
        check_usable(model, rate)

    def test_at_the_first_step_of_an_epoch(self, optimizer, backend):
        rate = Rate(jump=2)
        model = make(rate, optimizer, BACKENDS[backend])
        error, watch = diverge(model, batch_size=100)
        assert (error.epoch, error.step) == (4, 1)
        assert model.epoch == 3
        assert same(values(model), watch.starts[2])
        check_usable(model, rate)

    def test_in_a_second_fit(self, optimizer, backend):
        rate = Rate(jump=3)
        model = make(rate, optimizer, BACKENDS[backend])
        model.fit(X, Y, epochs=3, batch_size=16)
        start = values(model)
        error, _ = diverge(model)
        assert (error.epoch, error.step) == (4, 2)
        assert same(values(model), start)
        check_usable(model, rate)


def test_the_message_says_what_happened_and_what_to_do():
    error, _ = diverge(make(HUGE))
    for words in ("epoch 1, step 2 of 3", "restored", "start of epoch 1", "smaller learning rate"):
        assert words in str(error)
    assert isinstance(error, xn.errors.XpnetError | ArithmeticError)


def test_the_first_step_of_a_new_model_says_so():
    error, _ = diverge(make(0.1), X * 1e30)
    assert "the start of the training" in str(error)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loss_of_the_users_own_that_becomes_nan(backend):
    model = xn.Model(xn.Dense(1, kernel_init="ones"),
                     lambda z, t: xn.ops.sum(xn.ops.log(z) + 0.0 * t, axis=-1),
                     xn.SGD(1.0), backend=BACKENDS[backend])  # fmt: skip
    with pytest.raises(DivergedError, match="loss became nan in epoch 2, step 1 of 1"):
        model.fit(np.full((3, 1), 0.1), np.zeros(3), epochs=3)
    assert float(model.parameters["weight"][0, 0]) == 1


def test_weighted_training_that_diverges():
    model = make(HUGE)
    start = values(model)
    error, _ = diverge(model, sample_weight=np.ones(40))
    assert (error.epoch, error.step) == (1, 2)
    assert same(values(model), start)


def test_the_rate_can_be_lowered_on_the_model_itself():
    model = make(HUGE)
    diverge(model)
    model.optimizer.learning_rate = 1e-3
    losses = model.fit(X, Y, epochs=3)["loss"]
    assert losses[2] < losses[0]


@pytest.mark.parametrize("rate", [0, -1, np.nan, "0.1"], ids=repr)
def test_a_rate_set_on_the_model_is_checked_too(rate):
    model = make(0.1)
    with pytest.raises(xn.errors.ArgumentError, match="learning_rate"):
        model.optimizer.learning_rate = rate


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("how", ["fit", "train_on_batch", "evaluate", "predict"])
def test_overflow_raises_no_warning_of_numpy_instead(how):
    model = make(HUGE)
    if how == "fit":
        diverge(model)
    elif how == "train_on_batch":
        model.train_on_batch(X, Y)
        with pytest.raises(xn.errors.DivergedError, match="was not made"):
            model.train_on_batch(X, Y)
        assert all(np.isfinite(a).all() for a in model.parameters.values())
    else:
        model.parameters["layers.0.weight"][...] = 3e38
        model.parameters["layers.2.weight"][...] = -3e38
        if how == "predict":
            assert not np.isfinite(model.predict(X)).all()
        else:
            assert not np.isfinite(model.evaluate(X, Y)["loss"])


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "cross_entropy"])
def test_losses_of_probabilities_say_what_they_need(loss):
    model = xn.Model(xn.Dense(2), loss, xn.SGD(1e30))
    x, y = np.random.default_rng(0).normal(size=(20, 3)), np.array([[1.0, 0.0]] * 20)
    with pytest.raises(xn.errors.DivergedError, match=r"takes probabilities: end the network with"):
        model.fit(x, y, epochs=50)
