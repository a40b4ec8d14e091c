"""What a fit changes is the fields of `TrainState`, and nothing else of a model."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import array_api_strict
import numpy as np
import pytest

import xpnet as xn
from xpnet.engine.state import TrainState

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)).astype("float32")
Y = RNG.integers(0, 3, 60)

# Memory that programs compute in: its content is that of the last step, and it is made again
# when a model is copied, pickled or loaded.
WORKSPACE = {"PlannedProgram", "InterpretedProgram", "VectorProgram", "CachedPrediction", "Arena"}
PROCESS = {"Pool"}  # the threads of the BLAS, which all models share


def attributes(thing: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Every attribute below `thing`, by a dotted path, but not of arrays and workspace."""
    if id(thing) in seen or type(thing).__name__ in WORKSPACE | PROCESS:
        return
    seen.add(id(thing))
    module = type(thing).__module__
    if module.startswith("xpnet.") and not module.startswith(("xpnet.backends", "xpnet.graph")):
        slots = [n for c in type(thing).__mro__ for n in getattr(c, "__slots__", ())]
        fields = {**getattr(thing, "__dict__", {}), **{n: getattr(thing, n) for n in slots}}
    elif isinstance(thing, dict):
        fields = {str(k): v for k, v in thing.items()}
    elif isinstance(thing, list | tuple):
        fields = {str(i): v for i, v in enumerate(thing)}
    else:
        return
    for name, value in fields.items():
        yield f"{path}.{name}", value
        yield from attributes(value, f"{path}.{name}", seen)


def snapshot(model: Any) -> dict[str, Any]:
    found = {}
    for path, value in attributes(model, "model", set()):
        simple = isinstance(value, bool | int | float | str | type(None))
        found[path] = value if simple else id(value)
        if isinstance(value, np.ndarray):
            found[path] = value.tobytes()
    return found


def changed(model: Any, change: Any) -> set[str]:
    before = snapshot(model)
    change()
    after = snapshot(model)
    return {path for path in before | after if before.get(path) != after.get(path)}


NETS = {
    "plain": lambda: xn.Sequential(xn.Dense(6, "relu"), xn.Dense(3)),
    "state": lambda: xn.Sequential(xn.Dense(6), xn.BatchNorm(), xn.Dropout(0.2), xn.Dense(3)),
}


@pytest.mark.parametrize("backend", ["numpy", array_api_strict], ids=["plan", "interpreter"])
@pytest.mark.parametrize("net", list(NETS))
@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        (xn.Adam(xn.OneCycle(0.01, 8), average_decay=0.9, clip_norm=1.0), {}),
        (xn.SGD(0.1, momentum=0.9), {"accumulate": 2}),
        (xn.LBFGS(), {}),
    ],
    ids=["adam", "accumulated", "lbfgs"],
)
def test_a_fit_changes_the_fields_of_the_state_alone(backend, net, optimizer, settings):
    model = xn.Model(NETS[net](), optimizer=optimizer, backend=backend)
    settings = {"batch_size": 16, "validation_data": (X[:20], Y[:20]), **settings}
    data = [model_array(backend, X), model_array(backend, Y)]
    settings["validation_data"] = (data[0][:20, ...], data[1][:20, ...])
    for _ in range(2):  # programs are compiled when they are first needed
        model.fit(*data, epochs=2, **settings)
    found = changed(model, lambda: model.fit(*data, epochs=3, **settings))
    state = {f"model._engine.state.{field.name}" for field in dataclasses.fields(TrainState)}
    number = "model._engine.programs.step_inputs.number"  # the device's copy of the step's number
    outside = {p for p in found if not any(p == s or p.startswith(f"{s}.") for s in state)}
    assert outside <= {number}
    assert {"model._engine.state.epoch", "model._engine.state.step"} <= found


def model_array(backend: Any, array: np.ndarray) -> Any:
    return array if backend == "numpy" else backend.asarray(array)


def test_the_walk_sees_what_is_kept_elsewhere():
    model = xn.MLP([5, 3])
    model.fit(X, Y, epochs=1)

    def keep() -> None:
        model._engine.update.kept = 1
        model.fit(X, Y, epochs=1)

    assert "model._engine.update.kept" in changed(model, keep)


def test_all_of_the_state_is_copied_and_pickled():
    import copy
    import pickle

    model = xn.MLP([5, 6, 3], optimizer=xn.Adam(average_decay=0.9))
    model.fit(X, Y, epochs=2, batch_size=16)
    state = model.engine.state
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        other = twin.engine.state
        assert (other.epoch, other.step, other.updates) == (state.epoch, state.step, state.updates)
        np.testing.assert_array_equal(other.params, state.params)
        assert other.slots.keys() == state.slots.keys()
        for name, slot in state.slots.items():
            np.testing.assert_array_equal(other.slots[name], slot)
            assert not np.shares_memory(other.slots[name], slot)
        assert not np.shares_memory(other.params, state.params)


def test_what_was_asked_for_cannot_be_changed():
    model = xn.MLP([5, 3])
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.config.seed = 3
