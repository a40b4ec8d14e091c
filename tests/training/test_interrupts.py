"""SIGINT and SIGTERM end a fit after its step; a second one stops at once."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import xpnet as xn
from xpnet.training import interrupts

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 4)), RNG.integers(0, 3, 60)
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


def test_the_fit_returns_what_it_has(caplog):
    model, send = xn.MLP([4, 8, 3]), Send(signal.SIGINT, 10)
    history = model.fit(X, Y, epochs=50, batch_size=15, callbacks=[send])
    assert (len(history), model.epoch, send.steps) == (2, 2, 10)
    assert history.interrupted == "SIGINT"
    assert "SIGINT" in caplog.text
    whole = xn.MLP([4, 8, 3])
    for i in range(2):
        assert whole.fit(X, Y, epochs=1, batch_size=15)["loss"][0] == history["loss"][i]
    assert np.isfinite(model.fit(X, Y, epochs=1)["loss"]).all()


def test_behind_the_last_step_of_an_epoch_the_epoch_counts():
    history = xn.MLP([4, 3]).fit(X, Y, epochs=9, batch_size=15, callbacks=[Send(signal.SIGINT, 8)])
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


# --- SIGTERM ends the process ---------------------------------------------------------------------

START = """
import os, signal, sys, threading
import numpy as np, xpnet as xn
signal.signal(signal.SIGINT, signal.default_int_handler)
X, Y = np.random.default_rng(0).random((60, 4)), np.arange(60) % 3
def end(model, step):
    print("step", step, flush=True)
    if step == 6:
        os.kill(os.getpid(), signal.SIGTERM)
class End(xn.Callback):
    def on_step_end(self, model, step):
        end(model, step)
    def on_fit_end(self, model):
        print("ended", flush=True)
fit = dict(epochs=3, batch_size=15, callbacks=[End()], verbose=False)
"""
USUAL = "step 1 step 2 step 3 step 4 step 5 step 6 ended".split()


def run(code, *arguments):
    """The exit status and the printed words of a program."""
    done = subprocess.run([sys.executable, "-c", START + code, *map(str, arguments)],
                          capture_output=True, text=True, check=False)  # fmt: skip
    return done.returncode, done.stdout.split(), done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "xn.MLP([4, 3]).fit(X, Y, **fit)",
        "xn.MLP([4, 3], backend='numpy').fit(X, Y, accumulate=1, **fit)",
        "try:\n    xn.MLP([4, 3]).fit(X, Y, **fit)\nexcept BaseException:\n    print('caught')",
        "xn.MLPClassifier(callbacks=fit['callbacks'], batch_size=15).fit(X, Y)",
        "xn.MLPClassifier(callbacks=fit['callbacks'], batch_size=15, early_stopping=True).fit(X, Y)"
        ".predict(X)",
        "from sklearn.model_selection import GridSearchCV\n"
        "m = xn.MLPClassifier(callbacks=fit['callbacks'], batch_size=10, max_iter=4)\n"
        "GridSearchCV(m, {'alpha': [1e-4, 1e-3]}, cv=2).fit(X, Y)",
    ],
)
def test_sigterm_ends_the_process_after_the_step(code):
    status, words, err = run(f"{code}\nprint('went on')")
    assert status == -signal.SIGTERM, err
    assert words == USUAL


def test_sigterm_leaves_a_checkpoint_with_which_the_fit_goes_on(tmp_path):
    code = (
        "save = xn.Checkpoint(sys.argv[1], every=100, unit='step')\n"
        "fit['callbacks'].append(save)\n"
        "xn.MLP([4, 3]).fit(X, Y, **fit)\n"
        "print('went on')"
    )
    assert run(code, tmp_path)[:2] == (-signal.SIGTERM, USUAL)
    X, Y = np.random.default_rng(0).random((60, 4)), np.arange(60) % 3
    again, whole = xn.MLP([4, 3]), xn.MLP([4, 3])
    again.fit(X, Y, epochs=3, batch_size=15, verbose=False, resume_from=tmp_path)
    whole.fit(X, Y, epochs=3, batch_size=15, verbose=False)
    for name, array in whole.state_dict().items():
        np.testing.assert_array_equal(again.parameters[name], array)


def test_sigterm_with_lbfgs():
    code = (
        "def at(model, epoch, logs):\n"
        "    print(epoch, flush=True)\n"
        "    if epoch == 2: os.kill(os.getpid(), signal.SIGTERM)\n"
        "xn.MLP([4, 8, 3], optimizer='lbfgs').fit(X, Y, epochs=50, callbacks=[at])\n"
        "print('went on')"
    )
    assert run(code)[:2] == (-signal.SIGTERM, ["1", "2"])


def test_a_fit_in_a_callback_ends_with_the_fit_around_it():
    code = (
        "def inner(model, epoch, logs):\n"
        "    xn.MLP([4, 3]).fit(X, Y, **fit)\n"
        "    print('after', flush=True)\n"
        "xn.MLP([4, 3]).fit(X, Y, epochs=5, callbacks=[inner], verbose=False)\n"
        "print('went on')"
    )
    status, words, err = run(code)
    assert status == -signal.SIGTERM, err
    assert words == [*USUAL, *([] if "after" not in words else ["after"])]


def test_a_handler_of_ones_own_runs_and_nothing_else_does():
    code = (
        "signal.signal(signal.SIGTERM, lambda *_: print('mine', flush=True))\n"
        "history = xn.MLP([4, 3]).fit(X, Y, **fit)\n"
        "print(len(history), history.interrupted)"
    )
    status, words, err = run(code)
    assert status == 0, err
    assert "mine" in words
    assert words[-3:] == ["ended", "3", "None"]


def test_in_another_thread_sigterm_has_its_usual_effect():
    code = (
        "thread = threading.Thread(target=lambda: xn.MLP([4, 3]).fit(X, Y, **fit))\n"
        "thread.start(); thread.join(); print('went on')"
    )
    assert run(code)[0] == -signal.SIGTERM


def test_the_signal_is_raised_for_a_fit_that_ends_with_an_error():
    code = (
        "def at(model, epoch, logs):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    1 / 0\n"
        "xn.MLP([4, 3]).fit(X, Y, callbacks=[at])"
    )
    assert run(code)[0] == -signal.SIGTERM


def test_nothing_is_left_for_the_next_fit():
    """SIGINT in a fit within another ends both; the next fit is whole."""
    send = Send(signal.SIGINT, 2)

    def inner(model, epoch, logs):
        found.append(xn.MLP([4, 3]).fit(X, Y, epochs=3, callbacks=[send]))

    found = []
    history = xn.MLP([4, 3]).fit(X, Y, epochs=4, callbacks=[inner])
    assert (len(history), history.interrupted) == (1, "SIGINT")
    assert [h.interrupted for h in found] == ["SIGINT"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert len(xn.MLP([4, 3]).fit(X, Y, epochs=3)) == 3


# --- at any moment of the beginning and the end -------------------------------------------------


OTHER = getattr(signal, "SIGUSR1", None)


class Cut(Exception):
    """What the handler of another signal raises."""


def cut(*_):
    raise Cut


def fit_with_signal(model, number, at, first):
    """Fit; the signal comes at this instruction of the code of signals. Whether it came."""
    seen = [0]

    def trace(frame, event, argument):
        if frame.f_code.co_filename != interrupts.__file__:
            return None
        frame.f_trace_opcodes = True
        seen[0] += 1
        if seen[0] == at:
            signal.raise_signal(number)
        return trace

    callbacks = [Send(signal.SIGINT, model.engine.state.step + 1)] if first else []
    sys.settrace(trace)
    try:
        model.fit(X, Y, epochs=1, verbose=False, callbacks=callbacks)
    except (Cut, KeyboardInterrupt):
        pass
    finally:
        sys.settrace(None)
    return seen[0] >= at


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, OTHER])
def test_handlers_are_put_back_whenever_a_signal_comes(number, first, request):
    if number is None:
        pytest.skip("there is no such signal here")
    if number == OTHER:
        before = signal.signal(number, cut)
        request.addfinalizer(lambda: signal.signal(number, before))
    model, at = xn.MLP([4, 3], backend="numpy").build(4), 1
    while fit_with_signal(model, number, at, first):
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, at
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, at
        assert not interrupts._shared.fits, at
        assert not interrupts._shared.late, at
        at += 1
    assert at > 100
    assert model.fit(X, Y, epochs=1, verbose=False).interrupted is None


def test_a_signal_at_the_end_of_a_fit_is_not_lost(monkeypatch):
    put_back = interrupts._put_back

    def late():
        if interrupts._shared.fits and interrupts._shared.fits[-1].ending:
            os.kill(os.getpid(), signal.SIGINT)
        put_back()

    monkeypatch.setattr(interrupts, "_put_back", late)
    ended = []

    class End(xn.Callback):
        def on_fit_end(self, model):
            ended.append(signal.getsignal(signal.SIGINT))

    model = xn.MLP([4, 3])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=2, verbose=False, callbacks=[End()])
    assert ended == [signal.default_int_handler]
    assert model.epoch == 2
