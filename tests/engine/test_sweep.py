"""Predictions of many rows by one call of compiled code."""

from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends.cpu import NumpyBackend
from xpnet.engine.programs import PlannedProgram
from xpnet.lowering.cpu import thread_count

pytest.importorskip("llvmlite")

ROWS = 4321  # four batches of 1024, and a rest


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(thread_count, "_FLOPS", 1.0)
    monkeypatch.setenv("XPNET_NUM_THREADS", str(request.param))
    found: int = request.param
    return found


def model_of(dtype: Any = "float32", **settings: Any) -> xn.Model:
    net = xn.Sequential(xn.Dense(24, "relu"), xn.BatchNorm(), xn.Dense(5))
    settings = {"loss": "cross_entropy", **settings}
    return xn.Model(net, input_shape=(12,), dtype=dtype, backend=NumpyBackend(True), **settings)


def rows_of(dtype: str = "float32", rows: int = ROWS) -> Any:
    return np.random.default_rng(0).normal(size=(rows, 12)).astype(dtype)


def program_of(model: xn.Model) -> PlannedProgram:
    """The program that predicts 1024 rows."""
    made: Any = model.engine.programs
    return next(p for spec, p in made._made.items() if spec.rows == 1024)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_rows_are_those_of_single_batches(threads: int, dtype: str) -> None:
    model, X = model_of(dtype), rows_of(dtype)
    found = model.predict(X)
    assert program_of(model).sweep is not None
    singles = [model.predict(X[i : i + 1024]) for i in range(0, ROWS, 1024)]
    np.testing.assert_array_equal(found, np.concatenate(singles))
    np.testing.assert_array_equal(model.predict(X), found)


def test_the_shared_program_has_as_many_parts(threads: int) -> None:
    model = model_of()
    model.predict(rows_of())
    calls: list[Any] = program_of(model).plan.calls
    assert [program.parts for program in calls] == [threads]


def test_other_batches_between_two_sweeps(threads: int) -> None:
    model, X = model_of(), rows_of()
    found, some = model.predict(X), model.predict(X[:1024])
    np.testing.assert_array_equal(some, found[:1024])
    np.testing.assert_array_equal(model.predict(X[::-1]), model.predict(X[::-1].copy()))
    other = model.predict(X, batch_size=1000)
    np.testing.assert_allclose(other, found, rtol=1e-3, atol=1e-5)  # sums in another order
    np.testing.assert_array_equal(model.predict(X), found)


def test_many_more_rows_than_one_call_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    model, X = model_of(), rows_of()
    found = model.predict(X)
    monkeypatch.setattr("xpnet.engine.prediction._FLOPS", 1)
    np.testing.assert_array_equal(model.predict(X), found)


def test_an_array_that_is_not_contiguous(threads: int) -> None:
    model, X = model_of(), rows_of()
    wide = np.concatenate([X, X], axis=1)
    np.testing.assert_array_equal(model.predict(wide[:, :12]), model.predict(X))
    np.testing.assert_array_equal(model.predict(np.asfortranarray(X)), model.predict(X))


def test_an_output_that_is_computed_in_place(threads: int) -> None:
    net = xn.Sequential(xn.Dense(6, "relu"), xn.Dense(3), xn.Tanh())
    model = xn.Model(net, loss="mse", input_shape=(12,), backend=NumpyBackend(True))
    X = rows_of()
    singles = [model.predict(X[i : i + 1024]) for i in range(0, ROWS, 1024)]
    np.testing.assert_array_equal(model.predict(X), np.concatenate(singles))


def test_nothing_of_the_data_is_kept(threads: int) -> None:
    import gc
    import weakref

    model = model_of()
    X = rows_of().view(_Weak)
    gone = weakref.ref(X)
    model.predict(X)
    del X
    gc.collect()
    assert gone() is None


class _Weak(np.ndarray):  # type: ignore[type-arg]
    """An array that can be referred to weakly."""


def test_without_compiled_steps() -> None:
    model = xn.MLP([12, 24, 5], backend=NumpyBackend(False), seed=0)
    X = rows_of()
    assert program_of_predictions(model, X).sweep is None
    twin = xn.MLP([12, 24, 5], backend=NumpyBackend(True), seed=0).build()
    np.testing.assert_allclose(model.predict(X), twin.predict(X), rtol=1e-4, atol=1e-5)


def program_of_predictions(model: xn.Model, X: Any) -> PlannedProgram:
    model.predict(X)
    return program_of(model)


def test_a_sweep_that_is_made_while_data_are_borrowed() -> None:
    """Another Python thread may be about to predict."""
    net = xn.Sequential(xn.Dense(8, "relu"), xn.Dense(3))
    model = xn.Model(net, loss="mse", input_shape=(40,), backend=NumpyBackend(True))
    X = np.random.default_rng(0).normal(size=(4096, 40)).astype("float32")
    singles = [model.predict(X[i : i + 1024]) for i in range(0, 4096, 1024)]
    program = program_of(model)
    program.load([X[:1024]], slice(None))
    assert program.borrowed
    np.testing.assert_array_equal(model.predict(X), np.concatenate(singles))
    np.testing.assert_array_equal(model.predict(X), np.concatenate(singles))


def test_a_sweep_that_a_signal_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    model, X = model_of(), rows_of()
    found = model.predict(X)
    calls: list[Any] = program_of(model).plan.calls
    before = [task.numbers.tolist() for call in calls for task in call.tasks]

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("xpnet.lowering.cpu.shared_program.SharedProgram.repeat", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.predict(X)
    assert [task.numbers.tolist() for call in calls for task in call.tasks] == before
    np.testing.assert_array_equal(model.predict(X[:1024]), found[:1024])
    np.testing.assert_array_equal(model.predict(X), found)
