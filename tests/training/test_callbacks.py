"""Callbacks: the order of the calls, early stop, and errors in the middle; the progress bar."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.training.callbacks import Callbacks

X, Y = np.random.default_rng(0).normal(size=(12, 4)), np.arange(12) % 3


def make(**settings):
    return xn.Model(xn.Dense(3), optimizer=xn.SGD(0.1, momentum=0.9), **settings)


class Log(xn.Callback):
    """Writes down every call; raises in the one that it is told to."""

    def __init__(self, log, name="", fail=None, stop=None):
        self.log, self.name, self.fail, self.stop = log, name, fail, stop

    def note(self, event, *numbers):
        self.log.append((self.name + event, *numbers))
        if event == self.fail:
            raise RuntimeError(event)

    def on_fit_begin(self, model):
        self.note("fit_begin", model.epoch)

    def on_epoch_begin(self, model, epoch):
        self.note("epoch_begin", epoch)

    def on_gradient(self, model, step):
        self.note("gradient", step)

    def on_step_end(self, model, step):
        self.note("step_end", step)

    def on_epoch_end(self, model, epoch, logs):
        self.note("epoch_end", epoch)
        return epoch == self.stop

    def on_fit_end(self, model):
        self.note("fit_end", model.epoch)


def test_the_order_of_the_calls_over_two_fits():
    log, model = [], make()
    model.fit(X, Y, epochs=2, batch_size=8, callbacks=[Log(log)])
    model.fit(X, Y, epochs=1, batch_size=8, callbacks=[Log(log)])
    assert log == [
        ("fit_begin", 0),
        ("epoch_begin", 1),
        ("gradient", 1), ("step_end", 1), ("gradient", 2), ("step_end", 2),
        ("epoch_end", 1), ("epoch_begin", 2),
        ("gradient", 3), ("step_end", 3), ("gradient", 4), ("step_end", 4),
        ("epoch_end", 2), ("fit_end", 2),
        ("fit_begin", 2), ("epoch_begin", 3),
        ("gradient", 5), ("step_end", 5), ("gradient", 6), ("step_end", 6),
        ("epoch_end", 3), ("fit_end", 3),
    ]  # fmt: skip


def test_several_callbacks_are_called_in_turn():
    log = []
    make().fit(X, Y, epochs=1, batch_size=100, callbacks=[Log(log, "a "), Log(log, "b ")])
    events = ("fit_begin", "epoch_begin", "gradient", "step_end", "epoch_end", "fit_end")
    assert [entry[0] for entry in log] == [f"{n} {e}" for e in events for n in "ab"]


def test_true_stops_after_the_epoch_and_the_others_are_still_told():
    log = []
    model = make()
    history = model.fit(X, Y, epochs=9, callbacks=[Log(log, "a ", stop=2), Log(log, "b ")])
    assert (len(history), model.epoch) == (2, 2)
    assert log[-3:] == [("b epoch_end", 2), ("a fit_end", 2), ("b fit_end", 2)]


@pytest.mark.parametrize("answer", [True, np.True_, np.bool_(True)])
def test_a_plain_function_is_told_of_each_epoch(answer):
    rows = []

    def function(model, epoch, logs):
        rows.append((epoch, logs))
        return answer if epoch == 3 else None

    history = make().fit(X, Y, epochs=9, callbacks=[function])
    assert [epoch for epoch, _ in rows] == [1, 2, 3]
    assert [logs for _, logs in rows] == list(history)


def test_a_callback_cannot_change_the_history():
    history = make().fit(X, Y, epochs=1, callbacks=[lambda m, e, logs: logs.clear()])
    assert history.columns == ("epoch", "loss", "accuracy", "learning_rate", "seconds")


@pytest.mark.parametrize("answer", ["stop", 2, 0.5, [], {}, np.zeros(2)], ids=repr)
def test_another_answer_than_true_false_or_none_is_refused(answer):
    log, model = [], make()
    with pytest.raises(xn.errors.ArgumentError, match="return True to stop"):
        model.fit(X, Y, epochs=3, callbacks=[lambda m, e, logs: answer, Log(log)])
    assert model.epoch == 1
    assert log[-1] == ("fit_end", 1)
    model.fit(X, Y, epochs=1)


@pytest.mark.parametrize(
    "callbacks", [["stop"], [None], [xn.Callback], [3], [[]]], ids=lambda c: repr(c[0])[:20]
)
def test_what_is_no_callback_is_refused_before_training(callbacks):
    model = make()
    with pytest.raises(xn.errors.ArgumentError, match=r"derived from xpnet\.Callback"):
        model.fit(X, Y, callbacks=callbacks)
    assert not model.built


@pytest.mark.parametrize("callbacks", [xn.Callback(), lambda m, e, logs: None, 3])
def test_one_callback_outside_of_a_list_is_refused_with_a_hint(callbacks):
    with pytest.raises(xn.errors.ArgumentError, match="callbacks"):
        make().fit(X, Y, callbacks=callbacks)


EVENTS = {"epoch_begin": (0, 0), "gradient": (0, 0), "step_end": (0, 1), "epoch_end": (1, 2)}


@pytest.mark.parametrize("event", EVENTS)
def test_an_error_in_a_callback_ends_the_fit_in_order(event):
    log, model = [], make()
    with pytest.raises(RuntimeError, match=event):
        model.fit(X, Y, epochs=2, batch_size=8, callbacks=[Log(log, "a ", event), Log(log, "b ")])
    epoch, steps = EVENTS[event]
    assert [entry[0] for entry in log[-2:]] == ["a fit_end", "b fit_end"]
    assert (model.epoch, model.engine.state.updates) == (epoch, steps)
    history = model.fit(X, Y, epochs=1, batch_size=8)
    assert history["epoch"] == [epoch + 1]
    assert model.engine.state.updates == steps + 2
    assert np.isfinite(model.predict(X)).all()


def test_an_error_at_the_beginning_of_the_fit_still_ends_it():
    log, model = [], make()
    with pytest.raises(RuntimeError, match="fit_begin"):
        model.fit(X, Y, callbacks=[Log(log, "a "), Log(log, "b ", "fit_begin")])
    assert "a fit_end" in [entry[0] for entry in log], "what the first one opened must be closed"
    assert model.epoch == 0


def test_an_error_at_the_end_of_the_fit_does_not_silence_the_others():
    log = []
    with pytest.raises(RuntimeError, match="fit_end"):
        make().fit(X, Y, epochs=1, callbacks=[Log(log, "a ", "fit_end"), Log(log, "b ")])
    assert log[-1][0] == "b fit_end"


def test_an_error_of_a_callback_leaves_a_model_that_goes_on_as_if_nothing_was():
    """The parameters after an interrupted epoch are those of its steps, no more and no less."""
    model, twin = make(), make()
    with pytest.raises(RuntimeError):
        model.fit(X, Y, batch_size=8, callbacks=[Log([], fail="step_end")], shuffle=False)
    twin.train_on_batch(X[:8], Y[:8])
    for name, value in twin.parameters.items():
        np.testing.assert_array_equal(model.parameters[name], value)
    a, b = (m.train_on_batch(X, Y) for m in (model, twin))
    assert a == b


def test_gradients_are_read_before_the_update_that_uses_them():
    seen = []

    class See(xn.Callback):
        def on_gradient(self, model, step):
            before = model.state_dict()
            change = {name: 0.1 * np.asarray(g) for name, g in model.gradients.items()}
            seen.append({name: before[name] - change[name] for name in change})

    model = xn.Model(xn.Dense(3), optimizer=xn.SGD(0.1), dtype="float64")
    model.fit(X, Y, epochs=1, batch_size=12, callbacks=[See()])
    assert len(seen) == 1
    for name, value in model.parameters.items():
        np.testing.assert_allclose(value, seen[0][name], rtol=1e-14)


def test_only_callbacks_that_have_them_are_called_at_every_step():
    found = Callbacks([Log([]), xn.Callback(), lambda model, epoch, logs: None])
    assert [call.__name__ for call in found.gradient + found.step_end] == [
        "on_gradient",
        "on_step_end",
    ]


def test_a_callback_may_use_the_model():
    class Use(xn.Callback):
        def on_step_end(self, model, step):
            model.predict(X[:5])
            model.evaluate(X, Y, batch_size=7)
            model.state_dict()
            model.summary()

    runs = [make().fit(X, Y, epochs=3, batch_size=5, callbacks=c)["loss"] for c in ([], [Use()])]
    assert runs[0] == runs[1]


def test_a_callback_may_put_parameters_back():
    class Best(xn.Callback):
        def on_fit_begin(self, model):
            self.state = model.state_dict()

        def on_fit_end(self, model):
            model.load_state_dict(self.state)

    model = make(input_shape=4).build()
    start = model.state_dict()
    model.fit(X, Y, epochs=2, callbacks=[Best()])
    assert all(np.array_equal(a, start[n]) for n, a in model.parameters.items())


def test_ctrl_c_in_the_middle_leaves_a_usable_model():
    class Interrupt(xn.Callback):
        def on_step_end(self, model, step):
            if step == 3:
                raise KeyboardInterrupt

    log, model = [], make()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=5, callbacks=[Interrupt(), Log(log)])
    assert log[-1][0] == "fit_end"
    assert model.engine.state.updates == 3
    assert model.fit(X, Y, epochs=1)["epoch"] == [1]


# --- the progress bar ------------------------------------------------------------------------


@pytest.mark.parametrize("verbose", ["auto", False, 0])
def test_quiet_where_there_is_no_terminal(capfd, verbose):
    make().fit(X, Y, epochs=2, verbose=verbose)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [True, 1])
def test_the_bar_tells_epochs_loss_and_samples(capfd, verbose):
    make().fit(X, Y, epochs=2, validation_data=(X, Y), verbose=verbose)
    out, err = capfd.readouterr()
    assert out == ""
    for words in ("epoch 2/2", "loss=", "val_accuracy=", "24.0/24.0", "sample"):
        assert words in err


def test_on_a_terminal_auto_shows_the_bar(capsys, monkeypatch):
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    make().fit(X, Y, epochs=2)
    assert "epoch 2/2" in capsys.readouterr().err


@pytest.mark.parametrize("step", [2, 4])
def test_a_callback_may_stop_the_fit_at_a_safe_point(step):
    """In the middle of an epoch, and after its last step; what the context shows is the fit's."""
    seen = []

    class Stop(xn.Callback):
        def on_safe_point(self, model, context):
            assert context.model is model
            assert context.engine is model.engine
            assert context.state is model.engine.state
            assert context.epochs == range(3)
            seen.append((context.state.step, context.state.epoch, context.batch, context.last))
            if context.state.step == step and context.batch:
                context.stopping = True

    X, y = np.ones((64, 3), "float32"), np.zeros(64, "int64")
    history = xn.MLP([3, 2]).fit(X, y, epochs=3, batch_size=16, callbacks=[Stop()])
    assert seen[-1][0] == step
    assert len(history) == (step == 4)
    assert seen[0] == (1, 0, 1, False)


def test_a_learning_rate_set_at_a_safe_point_counts_at_once():
    def fit(event):
        def change(self, model, _):
            if model.engine.state.step == 2:
                model.optimizer.learning_rate = 1e-9

        model = xn.MLP([4, 3], optimizer=xn.SGD(0.5), seed=1)
        X = np.random.default_rng(0).normal(size=(80, 4))
        callback = type("Change", (xn.Callback,), {event: change})()
        model.fit(X, np.arange(80) % 3, epochs=1, batch_size=8, callbacks=[callback])
        return model.state_dict()["layers.0.weight"]

    np.testing.assert_array_equal(fit("on_safe_point"), fit("on_step_end"))
