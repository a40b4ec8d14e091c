"""KeepBest keeps the best epoch's parameters and lets the training go on."""

from math import nan

import numpy as np
import pytest

import xpnet as xn

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 4)), RNG.integers(0, 3, 30)


def make(features=4, **settings):
    return xn.Model(xn.Dense(3), optimizer=xn.SGD(0.1), input_shape=features, **settings)


class Scripted(xn.KeepBest):
    """Sees given values instead of the history's, so that the best epoch is known."""

    def __init__(self, values, **settings):
        super().__init__("loss", **settings)
        self.values, self.states = iter(values), {}

    def on_epoch_end(self, model, epoch, logs):
        self.states[epoch] = model.state_dict()
        super().on_epoch_end(model, epoch, {"loss": next(self.values)})


def same(a, b):
    return all(np.array_equal(value, b[name]) for name, value in a.items())


def test_it_keeps_the_best_and_leaves_the_model_as_it_is():
    keep, model = Scripted([3, 1, 1, nan, 2]), make()
    model.fit(X, Y, epochs=5, callbacks=[keep])
    assert (keep.best, keep.best_epoch) == (1, 2)
    assert same(keep.state, keep.states[2])
    assert same(model.parameters, keep.states[5])
    keep.restore(model)
    assert same(model.parameters, keep.states[2])


def test_more_can_be_better():
    keep = Scripted([3, 1, 4], mode="max")
    make().fit(X, Y, epochs=3, callbacks=[keep])
    assert (keep.best, keep.best_epoch) == (4, 3)


def test_the_state_is_a_copy():
    keep, model = Scripted([1]), make()
    model.fit(X, Y, epochs=1, callbacks=[keep])
    model.parameters["weight"][...] = 7
    assert same(keep.state, keep.states[1])


def test_several_fits_keep_the_best_of_all():
    keep, model = Scripted([2, 1, 3, 0.5]), make()
    model.fit(X, Y, epochs=2, callbacks=[keep])
    model.fit(X, Y, epochs=1, callbacks=[keep])
    assert (keep.best, keep.best_epoch) == (1, 2)
    model.fit(X, Y, epochs=1, callbacks=[keep])
    assert (keep.best, keep.best_epoch) == (0.5, 4)


def test_it_reads_the_column_that_it_is_told():
    keep, model = xn.KeepBest("val_accuracy"), make()
    history = model.fit(X, Y, epochs=5, validation_data=(X, Y), callbacks=[keep])
    assert keep.best == max(history["val_accuracy"])
    assert keep.best_epoch == history["val_accuracy"].index(keep.best) + 1


def test_nothing_kept_is_an_error_and_changes_nothing():
    model = make()
    before = model.state_dict()
    keep = xn.KeepBest()
    assert keep.state is keep.best is keep.best_epoch is None
    with pytest.raises(xn.errors.ArgumentError, match="nothing has been kept"):
        keep.restore(model)
    assert same(model.parameters, before)


def test_another_network_is_refused():
    keep = Scripted([1])
    make().fit(X, Y, epochs=1, callbacks=[keep])
    with pytest.raises(xn.errors.ShapeError):
        keep.restore(make(features=5))


def test_a_missing_column_is_named():
    with pytest.raises(xn.errors.ArgumentError, match="no column 'val_loss'"):
        make().fit(X, Y, callbacks=[xn.KeepBest()])
