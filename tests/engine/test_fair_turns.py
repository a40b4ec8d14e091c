"""Threads take turns in the order in which they come, and nobody waits for a lost turn."""

import threading
import time

import numpy as np
import pytest

import xpnet as xn
from xpnet.engine.fair_turns import FairTurns


@pytest.fixture
def turns():
    return FairTurns()


def _waiting(turns, count):
    """Wait until so many threads wait."""
    end = time.monotonic() + 10
    while len(turns._queue) < count:
        assert time.monotonic() < end, "the threads never came to wait"
        time.sleep(0.001)


def _started(turns, seen, k):
    def work():
        with turns:
            seen.append(k)
            time.sleep(0.005)  # longer than a turn

    thread = threading.Thread(target=work)
    thread.start()
    _waiting(turns, k + 1)
    return thread


def test_who_comes_first_is_first(turns, monkeypatch):
    monkeypatch.setattr("xpnet.engine.fair_turns._PATIENCE", 30)
    seen = []
    with turns:
        threads = [_started(turns, seen, k) for k in range(5)]
        time.sleep(0.005)  # longer than a turn
    for thread in threads:
        thread.join()
    assert seen == [0, 1, 2, 3, 4]


def test_within_a_turn_nobody_is_asked(turns):
    for _ in range(3):
        with turns:
            pass
    assert not turns._queue


def test_a_turn_that_is_not_used_is_taken(turns):
    """Its owner may do other things."""
    seen = []
    with turns:
        thread = _started(turns, seen, 0)
    thread.join(10)
    assert seen == [0]


def test_a_lost_turn_stops_nobody(turns):
    turns.__enter__()  # an exception of a signal's handler may come here
    seen = []

    def work():
        with turns:
            seen.append(1)

    for _ in range(2):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(10)
    assert seen == [1, 1]


def test_an_exception_ends_the_turn(turns):
    with pytest.raises(KeyError), turns:
        raise KeyError
    assert not turns._used


def test_predictions_in_many_threads_are_right():
    model = xn.MLP([4, 8, 2]).build()
    X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    wanted = np.stack([model.predict(X[i : i + 1])[0] for i in range(16)])
    wrong = []

    def work(i):
        found = [model.predict(X[i : i + 1])[0] for _ in range(200)]
        wrong.extend(row for row in found if not (row == wanted[i]).all())

    threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
