"""Each layer, activation, loss, metric and optimizer, in every way of running: the same numbers.

Those of a plan on NumPy whose calls are single. The room ``lowering`` compares compiled steps
with them, too.
"""

from functools import cache
from typing import Any

import array_api_strict
import numpy as np
import pytest

import xpnet as xn
from xpnet import nn, optim
from xpnet.backends.cpu import NumpyBackend


def _trained(entry: Any, backend: Any, **settings: Any) -> tuple[Any, dict[str, Any]]:
    X, y = entry.data()
    model = entry.model(backend, **settings)
    history = model.fit(X, y, epochs=2, batch_size=16, validation_data=(X, y))
    return history, model.state_dict()


@cache
def _wanted(entry: Any) -> tuple[Any, dict[str, Any]]:
    return _trained(entry, NumpyBackend())


def _check(entry: Any, backend: Any, read: Any) -> None:
    (wanted, state), (found, other) = _wanted(entry), _trained(entry, backend)
    for column in set(wanted.columns) - {"seconds"}:
        np.testing.assert_allclose(found[column], wanted[column], rtol=1e-6, atol=1e-9)
    for name, array in state.items():
        np.testing.assert_allclose(read(other[name]), array, rtol=1e-6, atol=1e-9, err_msg=name)


def test_as_cupy_would(entry: Any, cupy: Any) -> None:
    _check(entry, "cupy", lambda a: a.get())


def test_by_the_interpreter(entry: Any) -> None:
    _check(entry, array_api_strict, np.asarray)


def test_by_torch(entry: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    _check(entry, torch, np.asarray)


def test_in_float32(entry: Any) -> None:
    """It trains in its own type, close to the results of float64."""
    (exact, _), (found, state) = _wanted(entry), _trained(entry, "numpy", dtype="float32")
    assert {str(array.dtype) for array in state.values()} == {"float32"}
    np.testing.assert_allclose(found["loss"], exact["loss"], rtol=1e-3, atol=1e-4)


def _classes(module: Any, base: type) -> set[str]:
    """Names of the public classes derived from this one."""
    found = {name: getattr(module, name) for name in module.__all__}
    return {n for n, v in found.items() if isinstance(v, type) and issubclass(v, base)} - {
        base.__name__
    }


def test_the_zoo_has_every_part(zoo: Any) -> None:
    used = set()
    for entry in zoo.ZOO:
        model = entry.model("numpy").build(entry.data()[0].shape[1:])
        used |= {call.kind for call in model.network.graph.scope.calls}
        used.add(type(model.optimizer).__name__)
    assert _classes(xn, nn.Layer) - used == {"Step"}  # it has no gradient
    assert _classes(xn, optim.Optimizer) <= used
    losses = {entry.loss for entry in zoo.ZOO}
    assert {xn.losses.get(name).name for name in xn.losses.names()} <= losses
