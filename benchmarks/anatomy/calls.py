"""The Python between a user's call and the numbers: frames on the way there, and calls a step."""

from __future__ import annotations

import sys
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


def classifier_frames(compiles: bool) -> list[str]:
    """The same from `MLPClassifier.fit`."""
    estimator = xn.MLPClassifier(
        hidden_layer_sizes=UNITS[1:-1],
        batch_size=BATCH,
        max_iter=1,
        tol=0.0,
        backend=NumpyBackend(compiles=compiles),
    )
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
        code = frame.f_code
        file = code.co_filename.replace("\\", "/").rpartition("/xpnet/")[2]
        if file != code.co_filename:
            names.append(f"{file}:{code.co_qualname}")
        frame = frame.f_back
    return names[::-1]


def calls_a_step(optimizer: str, compiles: bool) -> float:
    """Python calls of a training step in `fit`, without those of an epoch."""
    network = model(optimizer, compiles)
    _fit(network, STEPS)  # the programs are made
    few, many = (calls_of(lambda steps=s: _fit(network, steps)) for s in (STEPS, 2 * STEPS))
    return (many - few) / STEPS


def calls_of(call: Callable[[], Any]) -> int:
    """How many Python functions are called, generators that go on included."""
    count = 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count
