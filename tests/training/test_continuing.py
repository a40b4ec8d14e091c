"""Schedules, a second fit, and what is saved and loaded."""

import numpy as np
import pytest

import xpnet as xn

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 4)), RNG.integers(0, 3, 20)
OPTIMIZERS = {
    "sgd": lambda: xn.SGD(0.1),
    "momentum": lambda: xn.SGD(0.1, momentum=0.9),
    "adam": lambda: xn.Adam(0.01),
}


def make(optimizer="sgd", **settings):
    if isinstance(optimizer, str):
        optimizer = OPTIMIZERS[optimizer]()
    return xn.Model(xn.Sequential(xn.Dense(5, "tanh"), xn.Dense(3)), optimizer=optimizer,
                    **{"input_shape": 4, **settings})  # fmt: skip


def equal(a, b):
    return all(np.array_equal(value, b[name]) for name, value in a.items())


# --- schedules -------------------------------------------------------------------------------


def test_step_decay_applies_per_epoch_over_the_models_life():
    model = make(xn.SGD(xn.StepDecay(0.8, factor=0.5, every=2)))
    rates = model.fit(X, Y, epochs=3, batch_size=5)["learning_rate"]
    rates += model.fit(X, Y, epochs=3, batch_size=5)["learning_rate"]
    assert rates == pytest.approx([0.8, 0.8, 0.4, 0.4, 0.2, 0.2])


def test_a_function_is_asked_once_an_epoch_from_0():
    asked = []

    def rate(epoch):
        asked.append(epoch)
        return 0.1 / (1 + epoch)

    history = make(xn.SGD(rate)).fit(X, Y, epochs=3, batch_size=5)
    assert asked == [0, 1, 2]
    assert history["learning_rate"] == pytest.approx([0.1, 0.05, 0.1 / 3])


@pytest.mark.parametrize("optimizer", [xn.SGD, xn.Adam, lambda r: xn.SGD(r, momentum=0.9)])
def test_the_rate_of_an_epoch_is_the_one_that_is_used(optimizer):
    scheduled = make(optimizer(lambda epoch: [0.1, 0.001][epoch]))
    parts = []

    class Split(xn.Callback):
        def on_epoch_end(self, model, epoch, logs):
            parts.append(model.state_dict())

    scheduled.fit(X, Y, epochs=2, shuffle=False, callbacks=[Split()])
    constant = make(optimizer(0.1))
    constant.fit(X, Y, epochs=1, shuffle=False)
    assert equal(constant.state_dict(), parts[0])
    constant.fit(X, Y, epochs=1, shuffle=False)
    assert not equal(constant.state_dict(), parts[1])
    moved = [np.abs(parts[1][n] - parts[0][n]).max() for n in parts[0]]
    full = [np.abs(v - parts[0][n]).max() for n, v in constant.state_dict().items()]
    np.testing.assert_allclose(np.array(moved), np.array(full) / 100, rtol=0.05)


def test_train_on_batch_uses_the_rate_of_the_epoch():
    a, b = make(xn.SGD(xn.StepDecay(0.1, 0.5, every=1))), make(xn.SGD(0.05))
    a.fit(X, Y, epochs=1)
    b.build().load_state_dict(a.state_dict())
    a.train_on_batch(X, Y)
    b.train_on_batch(X, Y)
    for name, value in a.parameters.items():
        np.testing.assert_allclose(value, b.parameters[name], rtol=1e-6)


# --- a second fit ----------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_two_fits_are_one_long_fit(optimizer):
    a, b = make(optimizer), make(optimizer)
    whole = a.fit(X, Y, epochs=5, batch_size=6)
    first, second = (b.fit(X, Y, epochs=n, batch_size=6) for n in (2, 3))
    for column in ("epoch", "loss", "accuracy", "learning_rate"):
        assert whole[column] == first[column] + second[column]
    assert equal(a.state_dict(), b.state_dict())
    assert (b.epoch, b.engine.state.updates) == (5, 20)


def test_a_second_fit_may_use_other_data_and_sizes():
    model = make("adam")
    model.fit(X, Y, epochs=1, batch_size=6)
    model.fit(X[:7], np.eye(3)[Y[:7]], epochs=2, batch_size=2, sample_weight=np.ones(7))
    assert (model.epoch, model.engine.state.updates) == (3, 4 + 8)


# --- state -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["same", "reordered", "lists", "float64"])
def test_a_round_trip(form):
    model, other = make().build(), make(seed=1).build()
    model.fit(X, Y, epochs=2)
    state = model.state_dict()
    assert not equal(state, other.parameters)
    given = {
        "same": state,
        "reordered": dict(reversed(state.items())),
        "lists": {n: a.tolist() for n, a in state.items()},
        "float64": {n: a.astype("float64") for n, a in state.items()},
    }[form]
    other.load_state_dict(given)
    assert equal(state, other.parameters)
    assert list(other.parameters) == list(state)
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    assert all(a.dtype == np.float32 for a in other.parameters.values())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_loading_starts_the_optimizer_again(optimizer):
    model, fresh = make(optimizer).build(), make(optimizer).build()
    start = model.state_dict()
    model.fit(X, Y, epochs=3)
    model.load_state_dict(start)
    assert model.engine.state.updates == 0
    assert model.train_on_batch(X, Y) == fresh.train_on_batch(X, Y)
    assert equal(model.parameters, fresh.parameters)


def test_a_state_is_a_copy_both_ways():
    model = make().build()
    state = model.state_dict()
    kept = {n: a.copy() for n, a in state.items()}
    model.fit(X, Y, epochs=1)
    assert equal(state, kept)
    model.load_state_dict(state)
    for a in state.values():
        a[...] = 7
    assert equal(kept, model.parameters)


def test_parameters_are_live_views():
    model = make(optimizer=xn.Adam()).build()
    views = model.parameters
    model.fit(X, Y, epochs=2)
    model.train_on_batch(X, Y)
    assert equal(views, model.state_dict())
    for a in views.values():
        a[...] = 0
    np.testing.assert_array_equal(model.predict(X), np.zeros((20, 3)))


BAD = {
    "missing": (lambda s: {n: a for n, a in s.items() if n != "layers.1.bias"},
                "missing.*'layers.1.bias'"),
    "additional": (lambda s: {**s, "layers.7.weight": np.zeros(3)}, "layers.7.weight"),
    "renamed": (lambda s: {n.replace("layers", "net"): a for n, a in s.items()}, "net.0.weight"),
    "empty": (lambda s: {}, "missing"),
    "transposed": (lambda s: {**s, "layers.0.weight": s["layers.0.weight"].T}, r"\(4, 5\)"),
    "scalar": (lambda s: {**s, "layers.1.bias": 0.0}, r"'layers.1.bias'.*\(3,\)"),
    "flat": (lambda s: {**s, "layers.1.weight": s["layers.1.weight"].ravel()}, r"\(5, 3\)"),
    "complex": (lambda s: {**s, "layers.1.bias": np.zeros(3, complex)}, "layers.1.bias.*complex"),
    "texts": (lambda s: {**s, "layers.1.bias": ["a", "b", "c"]}, "layers.1.bias"),
    "objects": (lambda s: {**s, "layers.1.bias": np.zeros(3, object)}, "layers.1.bias.*object"),
    "None": (lambda s: {**s, "layers.1.bias": None}, "layers.1.bias"),
    "ragged": (lambda s: {**s, "layers.1.weight": [[1, 2], [3]]}, "layers.1.weight"),
    "NaN": (lambda s: {**s, "layers.1.bias": [0, np.nan, 0]}, "layers.1.bias.*NaN"),
    "inf": (lambda s: {**s, "layers.1.bias": [0, np.inf, 0]}, "layers.1.bias"),
    "too large": (lambda s: {**s, "layers.1.bias": [0, 1e300, 0]}, "layers.1.bias"),
    "a list": (lambda s: list(s.values()), "names|dict|mapping|state"),
    "no dict": (lambda s: None, "names|dict|mapping|state"),
    "a path": (lambda s: "weights.npz", "names|dict|mapping|state"),
}  # fmt: skip


@pytest.mark.parametrize("which", BAD)
def test_a_state_that_does_not_fit_is_refused_before_any_change(which):
    change, words = BAD[which]
    model = make("adam")
    model.fit(X, Y, epochs=2)
    before, step = model.state_dict(), model.engine.state.updates
    slots = {n: a.copy() for n, a in model.engine.state.slots.items()}
    state = {n: a + 1 for n, a in before.items()}
    with pytest.raises(xn.errors.XpnetError, match=words):
        model.load_state_dict(change(state))
    assert equal(before, model.parameters)
    assert model.engine.state.updates == step
    assert equal(slots, model.engine.state.slots)


def test_a_rate_that_a_callback_assigns_holds_from_the_next_step():
    class Stop(xn.Callback):
        def on_step_end(self, model, step):
            model.optimizer.learning_rate = 1e-12
            self.after = self.__dict__.setdefault("after", model.state_dict())

    stop, model = Stop(), make(xn.SGD(0.1))
    model.fit(X, Y, epochs=1, batch_size=5, callbacks=[stop])
    for name, array in stop.after.items():
        np.testing.assert_allclose(model.parameters[name], array, rtol=1e-5, atol=1e-8)


def test_schedules_vary_within_an_epoch():
    """Warm-up over half an epoch of ten steps: 0, 1/5, 2/5 ... of the rate, then all of it."""
    rates = []

    class Watch(xn.Callback):
        def on_gradient(self, model, step):
            self.before = model.state_dict(), {k: v.copy() for k, v in model.gradients.items()}

        def on_step_end(self, model, step):
            (before, gradient), name = self.before, next(iter(model.gradients))
            change = before[name] - model.parameters[name]
            rates.append(float(np.abs(change).sum() / np.abs(gradient[name]).sum()))

    model = make(xn.SGD(xn.Warmup(0.1, 0.5)))
    size = len(X) // 10
    model.fit(X[: 10 * size], Y[: 10 * size], epochs=1, batch_size=size, callbacks=[Watch()])
    np.testing.assert_allclose(rates, [0, 0.02, 0.04, 0.06, 0.08] + [0.1] * 5, atol=1e-3)


def test_steps_by_hand_follow_the_epoch_that_is_assigned():
    model = make(xn.SGD(xn.Warmup(0.1, 1)))
    before = model.build(X.shape[1]).state_dict()
    model.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.state_dict()["layers.0.weight"], before["layers.0.weight"])
    model.epoch = 1
    model.train_on_batch(X, Y)
    assert (model.state_dict()["layers.0.weight"] != before["layers.0.weight"]).any()
    with pytest.raises(xn.errors.ArgumentError, match="epoch must be"):
        model.epoch = -1
