"""Whole trainings with kernels in the place of calls, emulated, and the same on NumPy."""

from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import xpnet as xn
from xpnet import ops, random
from xpnet.backends.cpu import NumpyBackend
from xpnet.kernels import Recorder, find
from xpnet.lowering import lower
from xpnet.lowering.cuda import launch
from xpnet.training.order import SampleOrder


@pytest.fixture
def backend(cupy: Any, emulating: Any) -> Any:
    from xpnet.backends.cuda import CupyBackend

    return CupyBackend(cupy, compiles=True)


def _model(backend: Any) -> xn.Model:
    net = xn.Sequential(
        xn.Dense(16),
        xn.LayerNorm(),
        xn.ReLU(),
        xn.Dropout(0.3),
        xn.BatchNorm(),
        xn.GaussianNoise(0.1),
        xn.Dense(3),
    )
    rule = xn.AdamW(0.01, clip_norm=0.5)
    settings = {"dtype": "float64", "backend": backend, "seed": 1}
    return xn.Model(net, optimizer=rule, metrics=["accuracy"], **settings)


def _data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 6)).astype("float32")
    return X, np.abs(X[:, :3]).argmax(axis=1)


def test_a_training_is_that_of_numpy(backend: Any, emulating: Any, caplog: Any) -> None:
    X, y = _data()
    models = [_model(b) for b in (backend, NumpyBackend())]
    history, wanted = (model.fit(X, y, epochs=3, batch_size=16) for model in models)
    assert_allclose(history["loss"], wanted["loss"], rtol=1e-12)
    assert_allclose(history["accuracy"], wanted["accuracy"], rtol=1e-12)
    for found, expected in zip(*(m.predict(X) for m in models), strict=True):
        assert_allclose(found, expected, rtol=1e-8, atol=1e-10)
    assert "xpnet_draw" in emulating
    assert len(set(emulating)) > 10
    assert not [r for r in caplog.records if "CUDA kernel" in r.message]


def test_a_plan_has_few_calls(backend: Any) -> None:
    X, y = _data()
    counts = []
    for b in (backend, NumpyBackend()):
        model = xn.MLP([6, 16, 3], backend=b)
        model.fit(X, y, epochs=1)
        counts.append(int(str(model.plan(X, y)).split(",")[1].split()[0]))
    found, plain = counts
    assert found < plain / 2


KEY = {"seed": 0xFFFFFFFF, "stream": 0x80000001}


def _applied(backend: Any, op: Any, places: Any, x: Any, step: int, **settings: Any) -> None:
    """Run an op that draws noise by its kernels."""
    recorder = Recorder(backend)
    counter = backend.cupy.asarray(np.array(step))
    function = find(op, backend.families).function
    recorder.bind(function, *places, x, counter, **settings, **KEY)
    for run in lower(backend, recorder.calls, recorder.borrowed):
        run()


def test_words_are_those_of_numpy(backend: Any, emulating: Any, cupy: Any, each: Any) -> None:
    noises = (ops.dropout, {"rate": 0.4}), (ops.gaussian_noise, {"std": 0.5})
    shapes = (1,), (3, 5), (129,), (7, 300)
    steps = 0, 1, 0xFFFFFFFF, 2**40 + 5
    for (op, settings), shape, step in product(noises, shapes, steps):
        with each(op.name, shape, step=step):
            x = np.random.default_rng(0).normal(size=shape)
            wanted = op.fn(np, x, np.array(step), **settings, **KEY)
            wanted = wanted if isinstance(wanted, tuple) else (wanted,)
            places = [cupy.asarray(np.full_like(w, np.nan)) for w in wanted]
            emulating.clear()
            _applied(backend, op, places, cupy.asarray(x), step, **settings)
            assert "xpnet_draw" in emulating
            for found, expected in zip(places, wanted, strict=True):
                near = {"rtol": 0 if op is ops.dropout else 1e-13}
                assert_allclose(found.get(), expected, **near)


@pytest.mark.parametrize("rows", [1, 5, 300, 1025])
def test_an_order_is_one_kernel_and_a_sort(
    backend: Any, emulating: Any, cupy: Any, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """CuPy's functions would need hundreds of launches for the rounds of the generator."""
    calls: list[str] = []
    plain = cupy.ufunc.__call__

    def counted(self: Any, *args: Any, **settings: Any) -> Any:
        calls.append(self.__name__)
        return plain(self, *args, **settings)

    monkeypatch.setattr(cupy.ufunc, "__call__", counted)
    data: Any = SimpleNamespace(backend=backend, rows=rows, stored=False)
    for epoch in (0, 7):
        found = SampleOrder(data, True, 2**32 - 1).of(epoch)
        wanted = random.permutation(np, random.Key(2**32 - 1, 2, epoch), rows)
        assert_array_equal(found.get(), wanted)
    assert emulating == ["xpnet_draw"] * 2
    assert len(calls) <= 2 * 4
    with monkeypatch.context() as patch:
        patch.delattr(cupy, "RawKernel")
        launch.compiled.cache_clear()
        assert_array_equal(SampleOrder(data, True, 2**32 - 1).of(7).get(), wanted)


def test_words_that_no_kernel_can_draw_are_drawn_all_the_same(
    backend: Any, cupy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(cupy, "RawKernel")
    x = np.ones((5, 7), "float32")
    wanted, mask = ops.dropout.fn(np, x, np.array(3), rate=0.5, **KEY)
    places = [cupy.asarray(x), cupy.asarray(x)]
    _applied(backend, ops.dropout, places, places[0], 3, rate=0.5)
    assert_array_equal(places[0].get(), wanted)
    assert_array_equal(places[1].get(), mask)


def test_a_number_that_is_counted_up_while_others_read_it(backend: Any, cupy: Any) -> None:
    """It is written when all blocks have read it."""
    count = cupy.asarray(np.array(3.0, "float32"))
    x = cupy.asarray(np.ones(1000, "float32"))
    recorder = Recorder(backend)
    recorder(backend.raw.add, count, 1, out=count)
    recorder(backend.raw.multiply, x, count, out=x)
    runs = lower(backend, recorder.calls, ())
    assert len(runs) == 1
    for _ in range(2):
        runs[0]()
    assert float(count) == 5
    assert_array_equal(x.get(), np.full(1000, 20, "float32"))
