"""OptunaPruning reports a column to a trial, and prunes it once the fit has ended."""

from math import nan
from typing import Any

import numpy as np
import pytest
from support.brief import BRIEF

import xpnet as xn

optuna: Any = pytest.importorskip("optuna")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 4)), RNG.integers(0, 3, 30)
pytestmark = BRIEF


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def study(at=100, direction="minimize"):
    """A study that prunes from an epoch on."""
    sampler, prune = optuna.samplers.RandomSampler(seed=0), lambda _, trial: trial.last_step >= at
    pruner = type("PruneAt", (optuna.pruners.BasePruner,), {"prune": staticmethod(prune)})()
    return optuna.create_study(direction=direction, sampler=sampler, pruner=pruner)


def make():
    return xn.Model(xn.Dense(3), optimizer=xn.SGD(0.1), input_shape=4)


class Noting(xn.Callback):
    def __init__(self):
        self.epochs, self.ends = [], 0

    def on_epoch_end(self, model, epoch, logs):
        self.epochs.append(epoch)

    def on_fit_end(self, model):
        self.ends += 1


def test_each_epoch_is_reported_and_the_history_is_the_same():
    found = study()

    def objective(trial):
        history = make().fit(
            X, Y, epochs=3, validation_data=(X, Y), callbacks=[xn.OptunaPruning(trial)]
        )
        objective.losses = history["val_loss"]
        return history["val_loss"][-1]

    found.optimize(objective, n_trials=1)
    (trial,) = found.trials
    assert list(trial.intermediate_values) == [1, 2, 3]
    assert list(trial.intermediate_values.values()) == objective.losses
    plain = make().fit(X, Y, epochs=3, validation_data=(X, Y))
    assert plain["val_loss"] == objective.losses


def test_the_fit_ends_before_the_trial_is_pruned():
    found, stop, before, after = study(at=4), xn.EarlyStopping("loss", 50), Noting(), Noting()

    def objective(trial):
        callbacks = [before, xn.OptunaPruning(trial, "loss"), stop, after]
        model = make()
        with pytest.raises(optuna.TrialPruned, match=r"^pruned after epoch 4, with loss \d") as got:
            model.fit(X, Y, epochs=9, callbacks=callbacks)
        assert model.epoch == 4
        model.fit(X, Y, epochs=1)  # it can be used as before
        raise got.value

    found.optimize(objective, n_trials=1)
    assert found.trials[0].state.name == "PRUNED"
    assert before.epochs == after.epochs == [1, 2, 3, 4]
    assert before.ends == after.ends == 1
    assert stop.best_epoch == 4


class FailsAt(xn.Callback):
    def on_epoch_end(self, model, epoch, logs):
        if epoch == 2:
            raise RuntimeError("the disk is full")


def test_an_error_of_another_callback_is_the_one_that_is_raised():
    trial = study(at=2).ask()
    with pytest.raises(RuntimeError, match="the disk is full"):
        make().fit(X, Y, epochs=5, callbacks=[xn.OptunaPruning(trial, "loss"), FailsAt()])


def test_a_second_fit_of_the_callback_begins_anew():
    pruning = xn.OptunaPruning(study(at=2).ask(), "loss")
    with pytest.raises(optuna.TrialPruned):
        make().fit(X, Y, epochs=5, callbacks=[pruning])
    model = make()
    with pytest.raises(optuna.TrialPruned, match="after epoch 3"):
        model.fit(X, Y, epochs=5, callbacks=[pruning])
    assert model.epoch == 3, "epochs 1 and 2 had been reported before"


def test_a_fit_that_resumes_reports_only_new_epochs(tmp_path, recwarn):
    found = study()
    trial = found.ask()
    checkpoint = xn.Checkpoint(tmp_path)

    def fit(epochs, **settings):
        callbacks = [xn.OptunaPruning(trial, "loss"), checkpoint]
        return make().fit(X, Y, epochs=epochs, callbacks=callbacks, **settings)

    fit(2)
    again = fit(4, resume_from=tmp_path)
    assert found.trials[0].intermediate_values == dict(enumerate(again["loss"], 1))
    assert not [w for w in recwarn if "already reported" in str(w.message)]


def test_a_retried_trial_with_the_values_of_the_first():
    found = study()
    old = optuna.create_trial(state=optuna.trial.TrialState.WAITING, intermediate_values={1: 0.5})
    found.add_trial(old)
    make().fit(X, Y, epochs=2, callbacks=[xn.OptunaPruning(found.ask(), "loss")])
    values = found.trials[0].intermediate_values
    assert values[1] == 0.5
    assert set(values) == {1, 2}


@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")  # of Optuna's pruner
def test_nan_is_worse_than_any_number():
    found = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=1))
    for value in (1.0, nan):
        trial = found.ask()
        pruning = xn.OptunaPruning(trial, "loss")
        pruning.on_fit_begin(None)
        assert pruning.on_epoch_end(None, 1, {"loss": value}) is (value is nan)
        found.tell(trial, value if value == 1.0 else None, state=_state(value))
    assert found.best_value == 1.0


def _state(value):
    states = optuna.trial.TrialState
    return states.COMPLETE if value == 1.0 else states.PRUNED


def test_a_fixed_trial_is_never_pruned():
    trial = optuna.trial.FixedTrial({"units": 8})
    assert len(make().fit(X, Y, epochs=3, callbacks=[xn.OptunaPruning(trial, "loss")])) == 3


def test_a_wrong_column_is_refused_before_the_training():
    trial, model = study().ask(), make()
    pruning = xn.OptunaPruning(trial, "val_los")
    with pytest.raises(xn.errors.ArgumentError, match=r"no column 'val_los'.* mean 'val_loss'\?"):
        model.fit(X, Y, epochs=1, validation_data=(X, Y), callbacks=[pruning])
    with pytest.raises(xn.errors.ArgumentError, match=r"Pass validation_data=\(X, y\)"):
        model.fit(X, Y, epochs=1, callbacks=[xn.OptunaPruning(trial)])
    assert model.epoch == 0


def test_what_cannot_be_pruned():
    with pytest.raises(xn.errors.ArgumentError, match=r"must be the optuna\.Trial .*; got 3\.$"):
        xn.OptunaPruning(3)
    with pytest.raises(xn.errors.ArgumentError, match="monitor must be a column"):
        xn.OptunaPruning(study().ask(), 3)
    several = optuna.create_study(directions=["minimize", "maximize"])
    with pytest.raises(xn.errors.ArgumentError, match="several objectives"):
        xn.OptunaPruning(several.ask())
    with pytest.raises(xn.errors.ArgumentError, match="create the study with direction='minimize'"):
        xn.OptunaPruning(study(direction="maximize").ask())
    xn.OptunaPruning(study(direction="maximize").ask(), "val_accuracy")
    xn.OptunaPruning(study(direction="maximize").ask(), "my_metric")


def test_without_optuna_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(xn.errors.MissingDependencyError, match=r"pip install 'xpnet\[search\]'"):
        xn.OptunaPruning(None)


def test_trials_in_threads_of_one_process_take_one_thread_each():
    counts = []

    class Threads(xn.Callback):
        def on_safe_point(self, model, context):
            counts.append(context.steps.threads)

        def stride(self):
            return 0

    wide = RNG.normal(size=(512, 256)).astype("float32")

    def objective(trial):
        model = xn.MLP([256, 512, 2], seed=trial.number)
        callbacks = [xn.OptunaPruning(trial, "loss"), Threads()]
        labels = wide[:, 0] > 0
        return model.fit(
            wide, labels.astype(int), epochs=2, batch_size=256, callbacks=callbacks, threads=1
        )["loss"][-1]

    study().optimize(objective, n_trials=2, n_jobs=2)
    assert counts
    assert set(counts) == {1}
