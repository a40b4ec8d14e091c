"""JAX: its devices, what it takes and returns, and what it refuses before anything changes."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import backend_of, get, jax_devices, resolve, status
from xpnet.errors import (
    ArgumentError,
    BackendUnavailableError,
    DataError,
    DTypeError,
    GraphError,
    UnknownNameError,
)
from xpnet.ops.record import Op

jax = pytest.importorskip("jax", reason="JAX is not installed")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype("float32")
Y = RNG.integers(0, 3, 20)


def model_of(**settings: Any) -> xn.Model:
    return xn.MLP([4, 3], optimizer="sgd", **settings)


def _squares(output: Any, target: Any) -> Any:
    return xn.ops.mean((output - target) * (output - target))


class TestNames:
    def test_of_devices(self) -> None:
        assert get("jax") is get(jax.numpy)
        assert get("jax:cpu").name == get("jax:cpu:0").name == "jax"
        assert get("jax:cpu").placed
        assert not get("jax").placed
        assert get("jax").traced
        assert "cpu:0" in {s.name: s for s in status()}["jax"].devices

    @pytest.mark.parametrize("name", ["jax:cpu:7", "jax:gpu:99", "jax:nonsense", "jax:cpu:x"])
    def test_of_devices_that_there_are_not(self, name: str) -> None:
        with pytest.raises(BackendUnavailableError, match=f"'{name}' cannot .*devices .*cpu:0"):
            get(name)

    def test_that_are_none(self) -> None:
        for name in ("jax:", "jaxx", "JAX"):
            with pytest.raises(UnknownNameError):
                get(name)

    def test_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XPNET_BACKEND", "jax")
        assert model_of().build().backend is get("jax")


class TestArrays:
    def test_everything_follows_them(self) -> None:
        model, x = model_of(), jax.numpy.asarray(X)
        model.fit(x, jax.numpy.asarray(Y), epochs=1)
        found = [model.predict(x), model.train_on_batch(x, jax.numpy.asarray(Y)), model.batch_loss]
        found += [*model.state_dict().values(), *model.parameters.values()]
        found += model.gradients.values()
        assert all(isinstance(a, jax.Array) for a in found)
        assert {str(a.dtype) for a in found} == {"float32"}

    def test_of_numpy_come_back_as_such(self) -> None:
        model = model_of(backend="jax")
        model.fit(X, Y, epochs=1)
        assert type(model.predict(X)) is type(model.predict(X.tolist())) is np.ndarray
        assert isinstance(model.predict(jax.numpy.asarray(X)), jax.Array)
        assert model.predict(X).flags.writeable

    def test_of_jax_to_a_model_elsewhere(self) -> None:
        model = model_of(backend="numpy")
        model.fit(jax.numpy.asarray(X), jax.numpy.asarray(Y), epochs=1)
        assert isinstance(model.predict(jax.numpy.asarray(X)), jax.Array)
        assert type(model.state_dict()["layers.0.weight"]) is np.ndarray

    def test_of_two_libraries_are_refused(self) -> None:
        model = model_of()
        with pytest.raises(DataError, match=r"different libraries or devices \(jax, numpy\)"):
            model.fit(jax.numpy.asarray(X), Y)
        model.predict(jax.numpy.asarray(X))
        with pytest.raises(DataError, match="live in jax, the data in numpy"):
            model.predict(X)

    def test_types(self, each: Any) -> None:
        backend = get("jax")
        for dtype in ("float32", "float16", "bfloat16", "int8", "int32", "uint8", "bool"):
            with each(dtype):
                x = jax.numpy.asarray(X > 0, dtype)
                assert model_of().predict(x).dtype == np.float32
                assert backend.asarray(x) is x

    @pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4)])
    def test_samples_of_several_dimensions(self, shape: Any) -> None:
        """Their outputs have as many, and evaluations and predictions take any batches."""
        x, found = RNG.normal(size=(10, *shape)).astype("float32"), []
        for backend in ("jax", "numpy"):
            model = xn.Model(xn.Dense(2), _squares, "sgd", metrics=[], backend=backend)
            target = x[..., :2] * 2
            history = model.fit(x, target, epochs=2, batch_size=4)
            found.append((history["loss"], model.predict(x, batch_size=3)))
        for got, wanted in zip(*found, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)

    def test_a_copy_has_memory_of_its_own(self) -> None:
        x = jax.numpy.ones(3)
        assert get("jax").copy(x).unsafe_buffer_pointer() != x.unsafe_buffer_pointer()


REFUSED = {
    "float64": (lambda: model_of(backend="jax", dtype="float64"), DTypeError, "jax_enable_x64"),
    "follows": (
        lambda: model_of(dtype="float64").predict(jax.numpy.asarray(X)), DTypeError, "'float32'",
    ),
    "range": (lambda: model_of(backend="jax").fit(X, Y + 2**40), DataError, "outside the range"),
    "labels": (lambda: model_of(backend="jax").fit(X, Y + 9), DataError, "labels|classes|0"),
    "nan": (lambda: model_of(backend="jax").predict(X * np.nan), DataError, "NaN"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    call, error, text = REFUSED[case]
    with pytest.raises(error, match=text):
        call()


def test_a_float64_model_where_there_is_no_float64() -> None:
    with jax_devices.wide():
        model = model_of(backend="jax", dtype="float64")
        model.fit(X, Y, epochs=1)
    for call in (lambda: model.fit(X, Y), lambda: model.predict(X), lambda: model.evaluate(X, Y)):
        with pytest.raises(DTypeError, match="jax_enable_x64"):
            call()
    with jax_devices.wide():
        assert model.epoch == 1
        assert model.predict(X).dtype == np.float64


def test_what_it_cannot_do_says_why() -> None:
    model = model_of(backend="jax")
    with pytest.raises(ArgumentError, match="=4 is not possible: GradientMonitor reads every step"):
        model.fit(X, Y, steps_per_execution=4, callbacks=[xn.GradientMonitor()])
    with pytest.raises(GraphError, match="steps on jax are compiled as one function"):
        model.plan(X, Y)


TRACED = {
    "predict": lambda m, x: m.predict(x),
    "fit": lambda m, x: m.fit(x, Y),
    "evaluate": lambda m, x: m.evaluate(x, Y),
    "train_on_batch": lambda m, x: m.train_on_batch(x, Y),
}


@pytest.mark.parametrize("method", TRACED)
@pytest.mark.parametrize("backend", [None, "jax", "numpy"])
def test_tracers_are_refused(method: str, backend: Any) -> None:
    model = model_of(backend=backend)

    def traced(x: Any) -> Any:
        TRACED[method](model, x)
        return x

    with pytest.raises(DataError, match=r"traced by JAX.*model\.function"):
        jax.jit(traced)(jax.numpy.asarray(X))


def test_estimators_refuse_tracers() -> None:
    pytest.importorskip("sklearn", minversion="1.9")
    with pytest.raises(DataError, match=r"traced by JAX"):
        jax.jit(lambda x: xn.MLPRegressor(hidden_layer_sizes=(2,)).fit(x, Y) and x)(
            jax.numpy.asarray(X)
        )


def branching(xp: Any, x: Any) -> Any:
    return x if xp.max(x) > 0 else -x


def through_numpy(xp: Any, x: Any) -> Any:
    return xp.asarray(np.sort(np.asarray(x)))


def gradient(xp: Any, gy: Any) -> Any:
    return gy


@pytest.mark.parametrize("function", [branching, through_numpy])
@pytest.mark.parametrize("steps", [None, 0])
def test_an_op_that_cannot_be_traced_is_named(function: Any, steps: Any) -> None:
    op = Op("mine", "(...)->(...)", function, [gradient])
    model = xn.Model(lambda x: op(xn.Dense(3)(x)), optimizer="sgd", backend="jax", input_shape=4)
    before = {n: np.array(a) for n, a in model.build().state_dict().items()}
    line = function.__code__.co_firstlineno + 1
    told = rf"^the op 'mine' cannot be compiled by JAX \(.*test_jax\.py, line {line}\)"
    calls = (
        lambda: model.fit(X, Y, steps_per_execution=steps),
        lambda: model.train_on_batch(X, Y),
        lambda: model.predict(X),
        lambda: model.evaluate(X, Y),
    )
    for call in calls:
        with pytest.raises(GraphError, match=told):
            call()
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert (model.epoch, model.engine.state.step, model.engine.state.updates) == (0, 0, 0)


TWO_DEVICES = """
import numpy as np, jax, pytest
import xpnet as xn
from xpnet.backends import get, status
from xpnet.errors import DataError
first, second = jax.devices("cpu")
X, Y = np.ones((6, 4), "float32"), np.zeros(6, "int32")
x, y = (jax.device_put(a, second) for a in (X, Y))
there = get("jax:cpu:1")
assert there.name == "jax:cpu:1" and get("jax").name == "jax"
assert {s.name: s for s in status()}["jax"].devices == ("cpu:0", "cpu:1")
net = lambda: xn.Sequential(xn.Dropout(0.5), xn.Dense(3))
for backend in (None, "jax:cpu:1"):
    model = xn.Model(net(), backend=backend)
    for steps in (None, 0):
        model.fit(x, y, epochs=2, batch_size=3, validation_data=(x, y), steps_per_execution=steps)
    found = [model.predict(x), model.train_on_batch(x, y), *model.state_dict().values()]
    found += model.engine.state.vectors.values()
    assert all(a.devices() == {second} for a in found), backend
    assert model.backend.name == there.name
usual = xn.Model(net(), backend="jax")
usual.fit(x, y, epochs=1)
assert usual.predict(x).devices() == {second}
assert usual.backend.name == there.name and usual.batch_loss.devices() == {second}
wanted = xn.Model(net(), backend="jax:cpu:1")
wanted.fit(X, Y, epochs=1)
assert type(wanted.predict(X)) is np.ndarray
moved = wanted.predict(jax.device_put(X, first))
assert moved.devices() == {first}, moved.devices()
with pytest.raises(DataError, match="jax, jax:cpu:1"):
    xn.MLP([4, 3]).fit(x, jax.device_put(Y, first))
model = xn.MLP([4, 3])
model.predict(x)
with pytest.raises(DataError, match="live in jax:cpu:1, the data in jax"):
    model.predict(jax.device_put(X, first))
mesh = jax.sharding.Mesh(np.array([first, second]), "a")
sharded = jax.device_put(X, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("a")))
for backend in (None, "jax", "numpy"):
    with pytest.raises(DataError, match="spread over 2 devices"):
        xn.MLP([4, 3], backend=backend).predict(sharded)
value, slope = xn.value_and_grad(lambda x: xn.ops.sum(x * x))(x)
assert slope.devices() == {second}
print("done")
"""


def test_two_devices() -> None:
    import os

    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", TWO_DEVICES],
        env=os.environ | flags, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == "done", done.stderr[-3000:]


class TestNotInstalled:
    @pytest.mark.parametrize("library", ["jax", "torch"])
    def test_status_and_errors_name_the_extra(
        self, library: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from importlib import util

        from xpnet.backends import jax_devices, torch_backend

        module: Any = {"jax": jax_devices, "torch": torch_backend}[library]

        def missing(name: str, *args: Any) -> Any:
            return None if name == library else util.find_spec(name, *args)

        def load() -> Any:
            raise ModuleNotFoundError(f"No module named '{library}'")

        monkeypatch.setattr("xpnet.backends.status.find_spec", missing, raising=False)
        monkeypatch.setattr(module, "_load", load)
        with pytest.raises(BackendUnavailableError, match=rf"pip install 'xpnet\[{library}\]'"):
            get(library)

    def test_nothing_is_imported_for_numpy(self) -> None:
        code = (
            "import sys, numpy as np, xpnet as xn; from xpnet.backends import resolve\n"
            "m = xn.MLP([2, 2]); m.fit(np.ones((4, 2)), [0, 1, 0, 1], epochs=1); \n"
            "m.predict([[1, 2]])\n"
            "resolve(None, np.ones(2)); m.function()\n"
            "print({'jax', 'torch'} & set(sys.modules))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.strip() == "set()", done.stderr


def test_backend_of() -> None:
    x = jax.numpy.ones(2)
    assert backend_of(x) is get("jax")
    assert resolve(None, x) is resolve("jax", x) is get("jax")
