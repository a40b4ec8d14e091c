"""SIGINT and SIGTERM end a fit after its step; a second one stops at once."""

import os
import signal
import threading

import numpy as np
import pytest

import xpnet as xn

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 4)), RNG.integers(0, 3, 60)
SIGNALS = [signal.SIGINT, signal.SIGTERM]

pytestmark = pytest.mark.usefixtures("usual_handlers")


class Send(xn.Callback):
    """Send this process a signal in a step, counted from 1."""

    def __init__(self, number, at, times=1):
        self.number, self.at, self.times, self.steps = number, at, times, 0

    def on_step_end(self, model, step):
        self.steps = step
        if step == self.at:
            for _ in range(self.times):
                os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_fit_returns_what_it_has(number, caplog):
    model, send = xn.MLP([4, 8, 3]), Send(number, 10)
    history = model.fit(X, Y, epochs=50, batch_size=15, callbacks=[send])
    assert (len(history), model.epoch, send.steps) == (2, 2, 10)
    assert history.interrupted == number.name
    assert number.name in caplog.text
    whole = xn.MLP([4, 8, 3])
    for i in range(2):
        assert whole.fit(X, Y, epochs=1, batch_size=15)["loss"][0] == history["loss"][i]
    assert np.isfinite(model.fit(X, Y, epochs=1)["loss"]).all()


def test_behind_the_last_step_of_an_epoch_the_epoch_counts():
    history = xn.MLP([4, 3]).fit(X, Y, epochs=9, batch_size=15, callbacks=[Send(SIGNALS[0], 8)])
    assert history["epoch"] == [1, 2]


def test_a_second_signal_stops_at_once():
    send = Send(signal.SIGINT, 5, times=2)
    model = xn.MLP([4, 3])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=9, batch_size=15, callbacks=[send])
    assert send.steps == 5


def test_handlers_are_put_back():
    xn.MLP([4, 3]).fit(X, Y, epochs=2, callbacks=[Send(signal.SIGINT, 1)])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with pytest.raises(ZeroDivisionError):
        xn.MLP([4, 3]).fit(X, Y, callbacks=[lambda m, e, logs: 1 / 0])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_ones_own_is_left_alone():
    seen = []
    signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    history = xn.MLP([4, 3]).fit(X, Y, epochs=3, callbacks=[Send(signal.SIGTERM, 1)])
    assert seen == [signal.SIGTERM]
    assert (len(history), history.interrupted) == (3, None)


def test_a_signal_that_is_ignored_is_left_alone():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    history = xn.MLP([4, 3]).fit(X, Y, epochs=3, callbacks=[Send(signal.SIGINT, 1)])
    assert (len(history), history.interrupted) == (3, None)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_can_train():
    found = []
    thread = threading.Thread(target=lambda: found.append(xn.MLP([4, 3]).fit(X, Y, epochs=2)))
    thread.start()
    thread.join()
    assert len(found[0]) == 2


def test_lbfgs_ends_after_an_iteration():
    def send(model, epoch, logs):
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    history = xn.MLP([4, 8, 3], optimizer="lbfgs").fit(X, Y, epochs=50, callbacks=[send])
    assert (len(history), history.interrupted) == (2, "SIGINT")
