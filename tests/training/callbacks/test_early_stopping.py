"""EarlyStopping: when it stops, what it puts back."""

from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xpnet as xn

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 4)), RNG.integers(0, 3, 30)


def make(optimizer=None, **settings):
    return xn.Model(xn.Dense(3), optimizer=optimizer or xn.SGD(0.1, momentum=0.9), **settings)


class Script(xn.Callback):
    """Keeps each epoch's parameters, and raises where it is told to."""

    def __init__(self, fail=None):
        self.states, self.fail = {}, fail

    def on_epoch_end(self, model, epoch, logs):
        self.states[epoch] = model.state_dict()

    def on_step_end(self, model, step):
        if step == self.fail:
            raise KeyboardInterrupt


class Scripted(xn.EarlyStopping):
    """Sees given values instead of the history's, so that the best epoch is known."""

    def __init__(self, values, **settings):
        super().__init__("loss", **settings)
        self.values = iter(values)

    def on_epoch_end(self, model, epoch, logs):
        return super().on_epoch_end(model, epoch, {"loss": next(self.values)})


def same(a, b):
    return all(np.array_equal(value, b[name]) for name, value in a.items())


# --- the rule --------------------------------------------------------------------------------


class Recorder:
    """Stands for a model whose parameters are the number of its epoch."""

    state = restored = None

    def state_dict(self):
        return self.state

    def load_state_dict(self, state):
        self.restored = state


def reference(values, patience, min_delta, sign):
    """(best, its epoch, the last epoch, whether it was stopped), found by looking back."""
    best, best_epoch = None, None
    for epoch, value in enumerate(values, 1):
        if not isnan(value) and (best is None or sign * (value - best) > min_delta):
            best, best_epoch = value, epoch
        if epoch - (best_epoch or 0) == patience:
            return best, best_epoch, epoch, True
    return best, best_epoch, len(values), False


@given(
    st.lists(st.integers(-5, 5).map(float) | st.just(nan), min_size=1, max_size=30),
    st.integers(1, 5),
    st.sampled_from([0.0, 1.0, 2.5]),
    st.sampled_from(["min", "max"]),
)
def test_it_stops_where_a_plain_loop_does(values, patience, min_delta, mode):
    stop, model = xn.EarlyStopping("loss", patience, min_delta, mode), Recorder()
    stop.on_fit_begin(model)
    for epoch, value in enumerate(values, 1):
        stop.on_epoch_begin(model, epoch)
        model.state = epoch
        if stop.on_epoch_end(model, epoch, {"loss": value}):
            break
    stop.on_fit_end(model)
    best, best_epoch, last, stopped = reference(
        values, patience, min_delta, 1 if mode == "max" else -1
    )
    assert (stop.best, stop.best_epoch, epoch) == (best, best_epoch, last)
    assert stop.stopped_epoch == (last if stopped else None)
    assert model.restored == (None if best_epoch == last else best_epoch)


@pytest.mark.parametrize(
    ("column", "grows"),
    [
        ("val_loss", False),
        ("loss", False),
        ("mean_squared_error", False),
        ("accuracy", True),
        ("val_accuracy", True),
        ("val_soft_accuracy", True),
        ("r2", True),
        ("val_r2", True),
        ("val_top_5_accuracy", True),
        ("val_mae", False),
    ],
)
def test_auto_knows_what_is_better(column, grows):
    stop, model = xn.EarlyStopping(column), Recorder()
    for epoch, value in enumerate((1.0, 2.0), 1):
        stop.on_epoch_end(model, epoch, {column: value})
    assert stop.best == (2.0 if grows else 1.0)


def test_infinite_values_and_nan_are_no_improvement():
    stop, model = xn.EarlyStopping("loss", patience=9), Recorder()
    for epoch, value in enumerate((nan, inf, 3.0, nan), 1):
        stop.on_epoch_end(model, epoch, {"loss": value})
    assert (stop.best, stop.best_epoch) == (3.0, 3)


# --- in a fit --------------------------------------------------------------------------------


@pytest.mark.smoke
def test_a_fit_stops_and_ends_with_its_best_epoch():
    script, stop = Script(), Scripted([5, 3, 4, 3, 9], patience=3)
    model = make()
    history = model.fit(X, Y, epochs=20, batch_size=8, callbacks=[script, stop])
    assert history["epoch"] == [1, 2, 3, 4, 5]
    assert (stop.best, stop.best_epoch, stop.stopped_epoch) == (3, 2, 5)
    assert same(model.parameters, script.states[2])
    assert model.epoch == 5


def test_a_fit_that_runs_out_of_epochs_ends_with_its_best_too():
    script, stop = Script(), Scripted([5, 3, 4])
    model = make()
    model.fit(X, Y, epochs=3, callbacks=[script, stop])
    assert stop.stopped_epoch is None
    assert same(model.parameters, script.states[2])


def test_without_restore_best_the_last_parameters_stay():
    script = Script()
    model = make()
    model.fit(X, Y, epochs=9, callbacks=[script, Scripted([1, 2], patience=1, restore_best=False)])
    assert same(model.parameters, script.states[2])


def test_where_the_last_epoch_is_the_best_the_optimizer_goes_on():
    model, twin = make(), make()
    model.fit(X, Y, epochs=2, callbacks=[Scripted([2, 1])])
    twin.fit(X, Y, epochs=2)
    model.fit(X, Y, epochs=1)
    twin.fit(X, Y, epochs=1)
    assert same(model.parameters, twin.parameters)


def test_an_interrupted_fit_ends_with_its_best_epoch():
    script, stop = Script(fail=12), Scripted([2, 1, 3])
    model = make()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=9, batch_size=10, callbacks=[script, stop])
    assert model.epoch == 3
    assert same(model.parameters, script.states[2])


def test_one_interrupted_in_the_epoch_after_the_best_goes_back_to_it():
    script, stop = Script(fail=7), Scripted([2, 1])
    model = make()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=9, batch_size=10, callbacks=[script, stop])
    assert same(model.parameters, script.states[2])


def test_one_interrupted_before_any_epoch_keeps_what_was_trained():
    model = make()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=10, callbacks=[Script(fail=2), stop := Scripted([])])
    assert (stop.best, stop.best_epoch) == (None, None)
    twin = make()
    with pytest.raises(KeyboardInterrupt):
        twin.fit(X, Y, batch_size=10, callbacks=[Script(fail=2)])
    assert same(model.parameters, twin.parameters)


def test_a_fit_that_diverges_ends_with_its_best_epoch():
    script, stop = Script(), Scripted([1, 2, 3, 4])
    model = make(xn.SGD(lambda epoch: 0.1 if epoch < 3 else 1e38))
    with pytest.raises(xn.errors.DivergedError):
        model.fit(X, Y, epochs=9, batch_size=10, callbacks=[script, stop])
    assert model.epoch >= 3
    assert same(model.parameters, script.states[1])


def test_it_monitors_validation_data():
    """Noise has nothing to be learned, so that the validation loss soon only grows."""
    rng = np.random.default_rng(1)
    x, noise = rng.normal(size=(40, 10)), rng.normal(size=40)
    fresh = rng.normal(size=(40, 10)), rng.normal(size=40)
    stop = xn.EarlyStopping(patience=3)
    model = xn.MLP([10, 32, 1], loss="mean_squared_error", seed=0)
    history = model.fit(x, noise, epochs=500, validation_data=fresh, callbacks=[stop])
    assert stop.stopped_epoch == len(history) == stop.best_epoch + 3 < 500
    assert stop.best == min(history["val_loss"]) == model.evaluate(*fresh)["loss"]


def test_a_second_fit_counts_anew():
    stop = Scripted([1, 2, 9, 8, 9, 9], patience=2)
    model = make()
    model.fit(X, Y, epochs=2, callbacks=[stop])
    model.fit(X, Y, epochs=9, callbacks=[stop])
    assert (stop.best, stop.best_epoch, stop.stopped_epoch) == (8, 4, 6)


def test_a_missing_column_names_those_that_are_there():
    model = make()
    with pytest.raises(
        xn.errors.ArgumentError, match=r"'val_loss'.*loss, accuracy.*validation_dat"
    ):
        model.fit(X, Y, epochs=9, callbacks=[xn.EarlyStopping()])
    assert not model.built


@pytest.mark.parametrize("column", ["val_f1", "error2", "seconds"])
def test_auto_does_not_guess(column):
    with pytest.raises(xn.errors.ArgumentError, match="give mode='max' or"):
        xn.EarlyStopping(column)
    xn.EarlyStopping(column, mode="max")


@pytest.mark.parametrize("column", ["los", "val_los"])
def test_there_is_no_hint_where_validation_data_would_not_help(column):
    with pytest.raises(xn.errors.ArgumentError) as caught:
        make().fit(X, Y, validation_data=(X, Y), callbacks=[xn.EarlyStopping(column, mode="min")])
    assert "no column" in str(caught.value)
    assert "validation_data" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 0},
        {"patience": 1.5},
        {"patience": True},
        {"min_delta": -1},
        {"min_delta": nan},
        {"mode": "smaller"},
        {"mode": None},
        {"monitor": 3},
        {"monitor": None},
    ],
    ids=str,
)
def test_settings_are_checked(settings):
    with pytest.raises(xn.errors.ArgumentError, match=next(iter(settings))):
        xn.EarlyStopping(**settings)
