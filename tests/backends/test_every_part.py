"""Each layer, activation, loss, metric and optimizer, in every way of running: the same numbers.

Those of a plan on NumPy whose calls are single. The room ``lowering`` compares compiled steps
with them, too.
"""

from dataclasses import replace
from functools import cache
from typing import Any

import array_api_strict
import numpy as np
import pytest
from support import zoo as table

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


def _close(found: Any, state: Any, wanted: Any, other: Any, within: float) -> None:
    for column in set(wanted.columns) - {"seconds"}:
        np.testing.assert_allclose(found[column], wanted[column], rtol=within, atol=within / 1e3)
    for name, array in other.items():
        np.testing.assert_allclose(state[name], array, within, within / 1e3, err_msg=name)


# JAX takes a second to compile a fit. Its ops are compared by themselves; here are the parts that
# a step treats in ways of their own.
BY_JAX = [
    entry
    for entry in table.ZOO
    if entry.name.startswith(("layer", "optimizer", "embedding"))
    or entry.name.partition(" ")[2] in ("prelu", "gaussian_nll", "hinge", "residual_sum_of_squares")
]
IN_FULL = [
    ("layer batch norm", None),
    ("embedding", None),
    ("layer dropout", 0),
    ("optimizer clipped", 0),
]


def _both(made: Any, dtype: Any = "float64", **settings: Any) -> list[tuple[Any, Any]]:
    """Fits by NumPy's plan and by JAX."""
    X, y = made.data()
    fits = []
    for backend in (NumpyBackend(), "jax"):
        model = made.model(backend, dtype)
        fits.append((model.fit(X, y, epochs=2, **settings), model.state_dict()))
    return fits


@pytest.mark.parametrize("made", BY_JAX, ids=str)
def test_by_jax(made: Any, jax64: Any) -> None:
    """Steps by the compiled loop, for batches of one size. Compiling Adam's rule takes longer."""
    if not made.name.startswith("optimizer"):
        made = replace(made, optimizer=lambda: xn.SGD(0.05))
    plan, jax = _both(made, batch_size=35)
    _close(*jax, *plan, 1e-6)


@pytest.mark.parametrize(("name", "steps"), IN_FULL)
def test_by_jax_in_full(name: str, steps: Any, jax64: Any) -> None:
    """With validation and a smaller last batch."""
    (made,) = (entry for entry in table.ZOO if entry.name == name)
    settings = {"batch_size": 16, "validation_data": made.data()}
    plan, jax = _both(made, steps_per_execution=steps, **settings)
    _close(*jax, *plan, 1e-6)


def test_by_jax_with_all_optimizations(jax64: Any) -> None:
    (made,) = (entry for entry in table.ZOO if entry.name == "layer dropout")
    before = jax64.config.read("jax_disable_most_optimizations")
    jax64.config.update("jax_disable_most_optimizations", False)
    try:
        plan, jax = _both(made, batch_size=35)
    finally:
        jax64.config.update("jax_disable_most_optimizations", before)
    _close(*jax, *plan, 1e-6)


@pytest.mark.parametrize("name", ["layer dropout", "embedding"])
def test_by_jax_in_float32(name: str) -> None:
    """JAX's own types, where whole numbers have 32 bits, too."""
    pytest.importorskip("jax", reason="JAX is not installed")
    (made,) = (entry for entry in table.ZOO if entry.name == name)
    (plan, _), (jax, state) = _both(made, "float32", batch_size=35)
    assert {str(array.dtype) for array in state.values()} == {"float32"}
    np.testing.assert_allclose(jax["loss"], plan["loss"], rtol=1e-4)


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
