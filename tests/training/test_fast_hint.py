"""After a long fit without compiled steps, a line says once what they would have gained."""

import logging

import numpy as np
import pytest

import xpnet as xn
from xpnet.training import fast_hint

RNG = np.random.default_rng(0)


@pytest.fixture
def said(monkeypatch, caplog):
    """What is logged where every fit is a long one; nothing was said before."""
    monkeypatch.setattr(fast_hint, "_LONG", -1.0)
    monkeypatch.setattr(fast_hint, "_said", [])
    caplog.set_level(logging.INFO, "xpnet")
    return lambda: [record.getMessage() for record in caplog.records]


def fit(sizes=(20, 64, 64, 3), batch_size=32, missing="fast", monkeypatch=None):
    model = xn.MLP(sizes).build()
    monkeypatch.setattr(model.backend, "faster_with", missing)
    model.fit(RNG.normal(size=(64, sizes[0])), RNG.integers(0, sizes[-1], 64), epochs=1,
              batch_size=batch_size)  # fmt: skip


def test_it_names_the_gain_and_the_extra_once(said, monkeypatch):
    fit(monkeypatch=monkeypatch)
    fit(monkeypatch=monkeypatch)
    (line,) = said()
    assert "3.1 times as fast" in line
    assert "pip install 'xpnet[fast]'" in line


@pytest.mark.parametrize("why", ["installed", "short"])
def test_there_is_nothing_to_say(said, monkeypatch, why):
    if why == "short":
        monkeypatch.setattr(fast_hint, "_LONG", 1e9)
    fit(missing=None if why == "installed" else "fast", monkeypatch=monkeypatch)
    assert not said()


@pytest.mark.parametrize(
    ("sizes", "batch_size", "times"),
    [
        ((20, 64, 64, 3), 32, 3.1),
        ((784, 128, 10), 64, 1.26),
        ((784, 512, 512, 10), 128, 1.28),
        ((784, 1024, 1024, 1024, 10), 512, 1.06),
    ],
)
def test_the_measured_networks_have_their_own_figures(sizes, batch_size, times):
    model = xn.MLP(sizes)
    assert fast_hint.gain(model.engine, batch_size) == times


@pytest.mark.parametrize(
    ("found", "setting", "expected"), [(None, "", "fast"), (None, "0", None), (True, "", None)]
)
def test_only_numpy_without_llvm_lacks_it(monkeypatch, found, setting, expected):
    from xpnet.backends import select

    monkeypatch.setattr(select, "find_spec", lambda name: found)
    monkeypatch.setenv("XPNET_FAST", setting)
    assert select._numpy.__wrapped__().faster_with == expected
