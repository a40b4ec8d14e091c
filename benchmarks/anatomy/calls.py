"""The Python between a user's call and the numbers: frames on the way there, and calls a step."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any
from unittest.mock import patch

import numpy as np

import xpnet as xn
from xpnet.backends.cpu import NumpyBackend
from xpnet.graph import plan

__all__ = ["calls_a_step", "calls_of", "classifier_frames", "fit_frames", "model"]

UNITS, BATCH, STEPS = (20, 64, 64, 3), 32, 64


def _data(steps: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    rows = steps * BATCH
    return rng.standard_normal((rows, UNITS[0]), "float32"), rng.integers(0, UNITS[-1], rows)


def model(optimizer: str, compiles: bool) -> xn.Model:
    """The network that is looked at, on NumPy, plain or with compiled steps."""
    return xn.MLP(UNITS, optimizer=optimizer, backend=NumpyBackend(compiles=compiles))


def _fit(network: xn.Model, steps: int, **settings: Any) -> None:
    network.fit(*_data(steps), epochs=1, batch_size=BATCH, verbose=False, **settings)


def fit_frames(compiles: bool) -> list[str]:
    """The frames from `Model.fit` to the first numeric call of a step, as ``file:function``."""
    network = model("adam", compiles)
    return _frames(lambda: _fit(network, 2))


def classifier_frames() -> list[str]:
    """The same from `MLPClassifier.fit`."""
    hidden = UNITS[1:-1]
    estimator = xn.MLPClassifier(hidden, batch_size=BATCH, max_iter=2, backend="numpy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged
        return _frames(lambda: estimator.fit(*_data(2)))


def _frames(call: Callable[[], Any]) -> list[str]:
    """The frames between a call and the first call that a plan makes, which is numeric."""
    found: list[list[str]] = []
    lower = plan.lower

    def noting(*args: Any, **settings: Any) -> list[Callable[[], Any]]:
        return [lambda: found.append(_stack(sys._getframe(1), here)), *lower(*args, **settings)]

    here = sys._getframe()
    with patch.object(plan, "lower", noting):
        call()
    return found[0]


def _stack(frame: FrameType | None, end: FrameType) -> list[str]:
    """The package's frames from the outermost to this one."""
    names: list[str] = []
    while frame is not None and frame is not end:
        if "/xpnet/" in _path(frame):
            names.append(_name(frame))
        frame = frame.f_back
    return names[::-1]


def _path(frame: FrameType) -> str:
    return frame.f_code.co_filename.replace("\\", "/")


def _name(frame: FrameType) -> str:
    """File and function; of a file outside the package the last two parts of its path."""
    _, _, inside = _path(frame).rpartition("/xpnet/")
    return f"{'/'.join(inside.split('/')[-2:])}:{frame.f_code.co_qualname}"


def calls_a_step(optimizer: str, compiles: bool) -> Counter[str]:
    """How often each Python function is called in `STEPS` steps of a `fit`, in steady state.

    What an epoch calls besides is left out: it is as much for twice as many steps.
    """
    network = model(optimizer, compiles)
    _fit(network, STEPS)  # the programs are made
    few = calls_of(lambda: _fit(network, STEPS))
    return calls_of(lambda: _fit(network, 2 * STEPS)) - few


def calls_of(call: Callable[[], Any]) -> Counter[str]:
    """How often each Python function is called; a generator that goes on is called again."""
    count: Counter[str] = Counter()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            count[_name(frame)] += 1

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count
