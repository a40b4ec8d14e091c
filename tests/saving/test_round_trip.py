"""What was saved comes back: the same bits, on any backend, and training goes on."""

from dataclasses import dataclass, replace

import array_api_strict
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

import xpnet as xn
from xpnet.backends.cpu import NumpyBackend
from xpnet.errors import ArgumentError
from xpnet.nn import Metric
from xpnet.saving.codec import decode, encode

X, Y = np.random.default_rng(0).normal(size=(40, 4)), np.arange(40) % 3


def same(a, b):
    assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


@pytest.mark.parametrize(
    ("dtype", "compiled"), [("float32", True), ("float64", False)], ids=["float32", "float64"]
)
def test_every_part(entry, dtype, compiled, path):
    if entry.ids:
        pytest.skip("its network is a lambda, which no file can name")
    X, y = entry.data()
    backend = "numpy" if compiled else NumpyBackend()
    model = entry.model(backend, dtype)
    model.fit(X, y, epochs=1, batch_size=14)
    model.save(path, optimizer_state=True)
    again = xn.load(path, backend=backend)
    assert repr(again) == repr(model)
    same(again.predict(X), model.predict(X))
    assert again.evaluate(X, y) == model.evaluate(X, y)
    wanted, found = (m.fit(X, y, epochs=2, batch_size=14) for m in (model, again))
    assert found.columns == wanted.columns
    assert found["loss"] == wanted["loss"]
    for name, array in model.state_dict().items():
        same(again.parameters[name], array)


@pytest.mark.smoke
@pytest.mark.parametrize("state", [False, True])
def test_training_goes_on(model, data, path, state):
    model.save(path, optimizer_state=state)
    again = xn.load(path)
    assert (again.epoch, again.network.dtype, again.seed) == (2, "float32", 4)
    assert again.engine.state.updates == (model.engine.state.updates if state else 0)
    wanted, found = model.fit(*data, epochs=2), again.fit(*data, epochs=2)
    assert (wanted["loss"] == found["loss"]) is state
    assert found["learning_rate"] == wanted["learning_rate"]


def test_the_file_is_plain_safetensors(model, path):
    model.save(path)
    found = load_file(path)
    state = model.state_dict()
    assert found.keys() == state.keys()
    for name, array in state.items():
        np.testing.assert_array_equal(found[name], array)
    with safe_open(path, "np") as file:
        assert list(file.metadata()) == ["xpnet"]


def test_the_same_model_gives_the_same_bytes(model, path, tmp_path):
    model.save(path)
    xn.load(path).save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_settings_come_back(path):
    model = xn.MLP([4, 5, 3], seed=9, frozen=["layers.0"], check_finite=False, dtype="float64",
                   metrics=["top_2_accuracy"], loss=xn.losses.focal(gamma=1.5))  # fmt: skip
    model.fit(X, Y, epochs=1)
    model.save(path, preprocessing={"mean": [1, 2.5], "classes": ["a", "b"]})
    again = xn.load(path)
    assert (again.seed, again.frozen, again.dtype) == (9, ("layers.0",), "float64")
    assert not again.config.check_finite
    assert again.evaluate(X, Y).keys() == {"loss", "top_2_accuracy"}
    assert again.preprocessing == {"mean": [1, 2.5], "classes": ["a", "b"]}
    again.save(path)
    assert xn.load(path).preprocessing == again.preprocessing


def test_parts_of_ones_own(own, path):
    net = xn.Sequential(own["Scale"](2.0, name="s"), xn.Dense(3, own["cube"]), xn.ops.tanh)
    model = xn.Model(net, own["quartic"], "sgd", metrics=[own["quartic"], "mae"])
    T = np.eye(3)[Y]
    model.fit(X, T, epochs=1)
    model.save(path)
    again = xn.load(path)
    same(again.predict(X), model.predict(X))
    assert again.evaluate(X, T) == model.evaluate(X, T)
    assert again.network.net.layers[0].start == 2.0


def test_losses_metrics_optimizers_and_schedules_of_ones_own(path):
    @xn.register("tests.Halved")
    @dataclass(frozen=True)
    class Halved:
        rate: float

        def __call__(self, epoch):
            return self.rate / 2

    @xn.register("tests.Slow")
    class Slow(xn.SGD):
        def __init__(self, learning_rate=0.1, *, slowness=2.0, **options):
            super().__init__(learning_rate, **options)
            self.slowness = slowness

        def coefficients(self, rate, step):
            return {"lr": rate / self.slowness}

    loss = xn.register("tests.a loss")(replace(xn.losses.huber(), made_by=None, advice="None"))
    metric = xn.register("tests.a metric")(
        Metric("first", lambda z, t, n, w: [xn.ops.mean(z)], lambda rows, shares: float(rows[0, 0]))
    )
    optimizer = Slow(Halved(0.1), slowness=4.0, clip_norm=0.5)
    model = xn.Model(xn.Dense(3), loss, optimizer, metrics=[metric])
    model.fit(X, np.eye(3)[Y], epochs=1)
    model.save(path)
    again = xn.load(path)
    assert repr(again.optimizer) == repr(optimizer)
    assert again.network.loss is loss
    assert again.evaluate(X, np.eye(3)[Y]) == model.evaluate(X, np.eye(3)[Y])
    fits = [m.fit(X, np.eye(3)[Y], epochs=2)["loss"] for m in (model, again)]
    assert fits[0] == fits[1]


def test_shared_layers_stay_shared(path):
    shared, block = xn.Dense(4, "tanh"), xn.Sequential(xn.Dense(4))
    model = xn.Model(xn.Sequential(shared, xn.Residual(shared, block), block, xn.Dense(3)))
    model.fit(X, Y, epochs=1)
    model.save(path)
    again = xn.load(path)
    layers = again.network.net.layers
    assert layers[0] is layers[1].inner.layers[0]
    assert layers[1].inner.layers[1] is layers[2]
    assert again.parameters.keys() == model.parameters.keys()
    same(again.predict(X), model.predict(X))


def test_a_network_that_is_a_function(path):
    first, last = xn.Dense(4, "relu"), xn.Dense(3)
    net = xn.register("tests.a function")(lambda x: last(first(x)))
    model = xn.Model(net)
    model.fit(X, Y, epochs=1)
    model.save(path)
    same(xn.load(path).predict(X), model.predict(X))


@pytest.mark.parametrize("value", [(1, 2), {"a": [1, None]}, float("inf"), [True, "x"], ()])
def test_settings_of_every_type(value):
    assert decode(encode(value, "it")) == value
    assert type(decode(encode(value, "it"))) is type(value)


def test_numbers_of_numpy_are_numbers(path, own):
    model = xn.Model(xn.Sequential(own["Scale"](np.float32(0.1)), xn.Dense(np.int64(3))))
    model.build(4)
    model.save(path)
    assert xn.load(path).network.net.layers[0].start == float(np.float32(0.1))


def test_a_model_that_has_seen_no_data_is_built(path):
    xn.MLP([4, 3]).save(path)
    assert xn.load(path).built
    with pytest.raises(ArgumentError, match="shape of one sample is not known"):
        xn.Model(xn.Dense(3)).save(path)


def test_from_and_to_any_library(model, data, path):
    model.save(path, optimizer_state=True)
    strict = xn.load(path, backend=array_api_strict)
    assert strict.backend.name == "array_api_strict"
    np.testing.assert_allclose(strict.predict(data[0]), model.predict(data[0]), rtol=1e-5)
    found, wanted = strict.fit(*data, epochs=1), model.fit(*data, epochs=1)
    np.testing.assert_allclose(found["loss"], wanted["loss"], rtol=1e-4)
    strict.save(path)
    same(xn.load(path, "numpy").predict(data[0]), xn.load(path).predict(data[0]))


def test_without_a_backend_the_environment_chooses(model, path, monkeypatch):
    model.save(path)
    assert xn.load(path).backend.name == "numpy"
    monkeypatch.setenv("XPNET_BACKEND", "nonsense")
    with pytest.raises(xn.errors.XpnetError, match="nonsense"):
        xn.load(path)


def test_what_is_loaded_does_not_hang_on_the_file(model, data, path):
    model.save(path, optimizer_state=True)
    again = xn.load(path)
    wanted, before = model.predict(data[0]), path.read_bytes()
    again.fit(*data, epochs=1)
    assert path.read_bytes() == before
    again = xn.load(path)
    path.write_bytes(b"\0" * 10_000)
    same(again.predict(data[0]), wanted)
    again.fit(*data, epochs=1)
