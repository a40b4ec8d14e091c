"""Fits that are compared: what they change, and the same fit again."""

from typing import Any

import numpy as np

import xpnet as xn

__all__ = ["MANY", "Again", "near", "same", "state", "trained"]

MANY = 99  # steps in a call: as many as there are


def state(model: xn.Model) -> dict[str, Any]:
    """Copies of all that training has changed, but what the next step overwrites."""
    found = model.engine.state
    vectors = {name: np.array(v) for name, v in found.vectors.items() if name != "gradient"}
    return {**vectors, "counts": np.array([found.epoch, found.step, found.updates])}


def trained(model: xn.Model, X: Any, y: Any, **settings: Any) -> dict[str, Any]:
    """The state after a fit, and its history; where nothing is compiled, steps run one by one."""
    given = {"epochs": 2, "batch_size": 25, "steps_per_execution": MANY, **settings}
    if model.optimizer.whole_batch or xn.backends.get("numpy").lowering != "cpu":
        del given["steps_per_execution"]
    history = model.fit(X, y, **given)
    columns = {n: np.asarray(history[n]) for n in history.columns if n != "seconds"}
    return {**state(model), **columns}


class Again:
    """Fits of one model, each from its beginning; what it has compiled is kept."""

    def __init__(self, model: xn.Model, features: int) -> None:
        self.model = model.build(features)
        self._start = {n: np.array(v) for n, v in model.engine.state.vectors.items()}

    def begin(self) -> None:
        """Return to the beginning."""
        now = self.model.engine.state
        now.epoch = now.step = now.updates = 0
        for name, v in self._start.items():
            now.vectors[name][...] = v

    def __call__(self, X: Any, y: Any, **settings: Any) -> dict[str, Any]:
        self.begin()
        return trained(self.model, X, y, **settings)


def same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Check that the bits are the same."""
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array, name)


def near(found: dict[str, Any], wanted: dict[str, Any], within: float) -> None:
    """Check that the numbers are the same but for rounding."""
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=within, atol=within, err_msg=name)
