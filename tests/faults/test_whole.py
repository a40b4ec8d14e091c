"""What reads or copies a model beside a training thread sees whole steps only."""

import copy
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.saving.fit_state import take
from xpnet.saving.snapshots import read_snapshot, write_snapshot
from xpnet.training.context import FitContext

WIDTH, TRIES = 300_000, 12
X = np.ones((40, 1), dtype="float32")


@xn.register
def sum_of_outputs(z: Any, t: Any) -> Any:
    """A loss whose gradient is the same for every weight, so that all weights stay equal."""
    return xn.ops.sum(z, axis=-1) + 0 * xn.ops.sum(t, axis=-1)


def new_model() -> xn.Model:
    net = xn.Dense(WIDTH, bias=False, kernel_init=xn.init.constant(1.0))
    adam = xn.SGD(1e-3, momentum=0.5, average_decay=0.9)
    return xn.Model(net, loss=sum_of_outputs, optimizer=adam, input_shape=1, metrics=[])


def fit(model: xn.Model, **settings: Any) -> None:
    model.fit(X, X, epochs=1, batch_size=1, verbose=False, **settings)


def one_by_one(model: xn.Model) -> None:
    model.train_on_batch(X[:1], X[:1])


TRAINING: dict[str, Callable[[xn.Model], None]] = {
    "fit": fit,
    "a fit with a callback in each step": lambda m: fit(m, callbacks=[Look()]),
    "accumulated": lambda m: fit(m, accumulate=4),
    "one by one": one_by_one,
}


class Look(xn.Callback):
    def on_gradient(self, model: xn.Model, step: int) -> None:
        """Have each step made by itself."""


@pytest.fixture(params=TRAINING)
def model(request: pytest.FixtureRequest) -> Iterator[xn.Model]:
    """A model that another thread trains."""
    made, done, train = new_model(), threading.Event(), TRAINING[request.param]
    train(made)

    def work() -> None:
        while not done.is_set():
            train(made)

    thread = threading.Thread(target=work)
    thread.start()
    yield made
    done.set()
    thread.join()


def saved(model: xn.Model, folder: Path) -> list[Any]:
    model.save(folder / "m.safetensors", optimizer_state=True)
    return vectors(loaded_model(folder / "m.safetensors"))


def loaded_model(path: Path) -> xn.Model:
    found = xn.load(path)
    assert isinstance(found, xn.Model)
    return found


def vectors(model: xn.Model) -> list[Any]:
    state = model.engine.state
    return [state.params, *state.slots.values()]


def checkpoint(model: xn.Model, folder: Path) -> list[Any]:
    """A checkpoint taken by a callback of another fit would be like this one."""
    context = FitContext(model, Steps(), Callbacks(), range(1))
    write_snapshot(folder / "checkpoint-1.safetensors", take(context))
    found = read_snapshot(folder / "checkpoint-1.safetensors")
    assert found is not None
    return [a for name, a in found.arrays.items() if name != "results"]


class Callbacks:
    def states(self) -> list[Any]:
        return []

    def put_back(self, model: Any, states: list[dict[str, Any]]) -> None:
        raise NotImplementedError


class Steps:
    threads = 1

    def recorded(self, count: int) -> Any:
        return np.zeros((count, 1), dtype="float32")

    def restore(self, results: Any) -> None:
        raise NotImplementedError

    def description(self) -> dict[str, Any]:
        return {}


def loaded(model: xn.Model, folder: Path) -> list[Any]:
    model.load_state_dict({"weight": np.full((1, WIDTH), 2.0, dtype="float32")})
    return [model.state_dict()["weight"]]


def part_loaded(model: xn.Model, folder: Path) -> list[Any]:
    state = {"weight": np.full((1, WIDTH), 2.0, dtype="float32")}
    model.load_state_dict(state, only=["weight"])
    return [model.state_dict()["weight"]]


READING: dict[str, Callable[[xn.Model, Path], list[Any]]] = {
    "save": saved,
    "state_dict": lambda m, _: [m.state_dict()["weight"]],
    "pickle": lambda m, _: vectors(pickle.loads(pickle.dumps(m))),
    "deepcopy": lambda m, _: vectors(copy.deepcopy(m)),
    "averaged": lambda m, _: [m.averaged().engine.state.params],
    "checkpoint": checkpoint,
    "load_state_dict": loaded,
    "load_state_dict, only": part_loaded,
    "predict one": lambda m, _: [m.predict(X[:1])],
    "predict in batches": lambda m, _: [m.predict(np.ones((6, 1), "float32"), batch_size=2)],
}


@pytest.mark.parametrize("read", READING)
def test_no_half_step(model: xn.Model, read: str, tmp_path: Path) -> None:
    for _ in range(TRIES):
        for array in READING[read](model, tmp_path):
            found = np.asarray(array)
            assert found.min() == found.max()


def test_counters_belong_to_the_parameters(model: xn.Model, tmp_path: Path) -> None:
    """Without momentum, SGD changes all weights by the same amount in each step."""
    for _ in range(TRIES):
        twin = copy.deepcopy(model).engine.state
        assert twin.step == twin.updates
        model.save(tmp_path / "m.safetensors", optimizer_state=True)
        read = loaded_model(tmp_path / "m.safetensors").engine.state
        assert read.step == read.updates


def test_all_batches_of_an_evaluation_see_the_same_parameters() -> None:
    """Both halves have the same rows, so their losses are equal unless a step came in between."""
    model, done = new_model(), threading.Event()
    fit(model)
    seen = []

    def work() -> None:
        while not done.is_set():
            model.train_on_batch(X[:1], X[:1])

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(TRIES):
        out = model.predict(np.ones((8, 1), "float32"), batch_size=4)
        seen.append(bool((out[:4] == out[4:]).all()))
    done.set()
    thread.join()
    assert all(seen)


def test_a_table_s_model(tmp_path: Path) -> None:
    rows = {"size": np.linspace(0, 1, 60), "price": np.linspace(0, 1, 60)}
    schema = xn.tabular.Schema.infer(rows, target="price")
    net = xn.Sequential(
        xn.Dense(WIDTH, bias=False, kernel_init=xn.init.constant(0.0)),
        xn.Dense(1, bias=False, kernel_init=xn.init.constant(0.001)),
    )
    made = xn.tabular.TableModel.of(rows, schema, net, optimizer=xn.SGD(1e-9))
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            made.fit(rows, epochs=1, batch_size=10, verbose=False)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(TRIES // 2):
            made.save(tmp_path / "table.safetensors")
            found = xn.load(tmp_path / "table.safetensors")
            assert isinstance(found, xn.tabular.TableModel)
            for array in found.model.state_dict().values():
                assert array.min() == array.max()
    finally:
        done.set()
        thread.join()
