"""Several GPUs: chosen by number, with everything of a model on its own device."""

import pickle
from typing import Any

import array_api_strict
import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import backend_of, get, resolve, status
from xpnet.errors import (
    BackendFallbackWarning,
    BackendUnavailableError,
    DataError,
    UnknownNameError,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 5)).astype("float32")
Y = RNG.integers(0, 3, 30)


@pytest.fixture
def two(cupy: Any) -> Any:
    """Two devices."""
    cupy.SETTINGS["devices"] = 2
    return cupy


def _on(cupy: Any, device: int, values: Any = X) -> Any:
    with cupy.cuda.Device(device):
        return cupy.asarray(values)


class TestNames:
    def test_a_number_behind_the_library(self, two: Any) -> None:
        assert (get("cupy:1").name, get("cupy:1").index) == ("cupy:1", 1)
        assert get("cupy:1") is get("cupy:1")

    def test_the_first_has_the_librarys_name(self, two: Any) -> None:
        assert get("cupy:0") is get("cupy") is get("auto")
        assert get("cupy").name == "cupy"

    @pytest.mark.parametrize(
        ("devices", "text"),
        [(1, "there is 1 device here: cupy"), (2, "there are 2 devices here: cupy, cupy:1")],
    )
    def test_a_device_that_there_is_not(self, cupy: Any, devices: int, text: str) -> None:
        cupy.SETTINGS["devices"] = devices
        with pytest.raises(BackendUnavailableError, match=f"'cupy:9' cannot run here: {text}"):
            get("cupy:9")

    @pytest.mark.parametrize(
        "name", ["cupy:", "cupy:x", "cupy:-1", "cupy:1.0", "numpy:0", "auto:1"]
    )
    def test_names_that_are_none(self, two: Any, name: str) -> None:
        with pytest.raises(UnknownNameError, match=f"unknown backend '{name}'"):
            get(name)

    def test_the_environment(self, two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XPNET_BACKEND", "cupy:1")
        model = xn.MLP([5, 3]).build()
        assert model.backend is get("cupy:1")
        assert next(iter(model.parameters.values())).device.id == 1

    def test_the_fallback(self, cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XPNET_FALLBACK", "numpy")
        with pytest.warns(BackendFallbackWarning, match="'cupy:3' cannot run here"):
            assert get("cupy:3") is get("numpy")

    def test_status_lists_them(self, two: Any) -> None:
        assert [(s.name, s.usable, s.reason) for s in status()[1:3]] == [
            ("cupy", True, "works"),
            ("cupy:1", True, "not probed yet"),
        ]

    def test_the_command_line(self, two: Any, capsys: pytest.CaptureFixture[str]) -> None:
        from xpnet.cli.app import main

        assert main(["info"]) == 0
        assert "cupy:1" in capsys.readouterr().out


class TestArrays:
    def test_tell_their_device(self, two: Any) -> None:
        for device, name in enumerate(("cupy", "cupy:1")):
            assert backend_of(_on(two, device)) is get(name)
            assert get(name).owns(_on(two, device))
            assert not get(name).owns(_on(two, 1 - device))

    def test_a_model_follows_them(self, two: Any) -> None:
        model = xn.MLP([5, 4, 3])
        model.fit(_on(two, 1), _on(two, 1, Y), epochs=2, batch_size=8, verbose=False)
        assert model.backend is get("cupy:1")
        assert model.predict(_on(two, 1)).device.id == 1

    def test_of_two_devices_are_not_mixed(self, two: Any) -> None:
        with pytest.raises(DataError, match=r"\(cupy, cupy:1\): convert them to one"):
            xn.MLP([5, 3]).fit(_on(two, 0), _on(two, 1, Y))

    def test_of_another_device_are_refused_by_a_model_that_followed(self, two: Any) -> None:
        model = xn.MLP([5, 3])
        model.predict(_on(two, 1))
        with pytest.raises(DataError, match="live in cupy:1, the data in cupy: convert"):
            model.predict(_on(two, 0))

    def test_of_another_device_are_moved_where_one_is_set(self, two: Any) -> None:
        model = xn.MLP([5, 3], backend="cupy:1")
        found = model.predict(_on(two, 0))
        assert model.backend is get("cupy:1")
        assert found.device.id == 0
        np.testing.assert_array_equal(found.get(), model.predict(X))

    def test_a_librarys_own_device_is_still_that_of_the_data(self) -> None:
        assert resolve(array_api_strict, array_api_strict.ones(2)) is get(array_api_strict)


class TestAModel:
    """The stand-in refuses arrays of a device that is not the current one."""

    def _trained(self, backend: str) -> xn.Model:
        net = xn.Sequential(xn.Dense(7, "relu"), xn.BatchNorm(), xn.Dropout(0.2), xn.Dense(3))
        model = xn.Model(net, backend=backend, optimizer=xn.Adam(0.01, average_decay=0.9))
        model.fit(X, Y, epochs=2, batch_size=8, validation_data=(X, Y), verbose=False)
        return model

    def test_has_everything_on_its_device(self, two: Any) -> None:
        model = self._trained("cupy:1")
        vectors = [*model.parameters.values(), *model.engine.state.slots.values(), model.batch_loss]
        vectors += [model.engine.programs._arena.memory, *model.state_dict().values()]
        assert {v.device.id for v in vectors} == {1}

    def test_computes_as_on_the_first(self, two: Any) -> None:
        first, second = self._trained("cupy"), self._trained("cupy:1")
        for name, value in first.state_dict().items():
            np.testing.assert_array_equal(value.get(), second.state_dict()[name].get())
        assert first.evaluate(X, Y) == second.evaluate(X, Y)
        assert float(first.train_on_batch(X, Y)) == float(second.train_on_batch(X, Y))

    def test_all_its_methods_work_there(self, two: Any, tmp_path: Any) -> None:
        model = self._trained("cupy:1")
        model.load_state_dict(model.state_dict())
        model.averaged().predict(X)
        model.freeze("layers.0")
        model.unfreeze()
        model.optimizer = xn.SGD(0.1, momentum=0.9)
        model.fit(X, Y, epochs=1, callbacks=[xn.Checkpoint(tmp_path / "c")], verbose=False)
        assert "cupy:1" in repr(model)
        assert "cupy:1" in model.summary()
        assert "cupy:1" in str(model.plan(X, Y))
        model.save(tmp_path / "m.safetensors", optimizer_state=True)
        for backend in ("numpy", "cupy", "cupy:1"):
            loaded = xn.load(tmp_path / "m.safetensors", backend=backend)
            np.testing.assert_allclose(loaded.predict(X), model.predict(X), rtol=1e-5, atol=1e-6)
            assert loaded.backend is get(backend)

    def test_the_current_device_is_as_it_was(self, two: Any) -> None:
        self._trained("cupy:1")
        assert two.cuda.Device().id == 0
        assert two.cuda.get_current_stream().ptr == 0

    def test_beside_another(self, two: Any) -> None:
        """A callback of one fit uses a model on the other device."""
        other = xn.MLP([5, 3], backend="cupy").build()
        wanted = other.predict(X)
        seen = []
        model = xn.MLP([5, 4, 3], backend="cupy:1")
        model.fit(
            X, Y, epochs=2, verbose=False, callbacks=[lambda *a: seen.append(other.predict(X))]
        )
        np.testing.assert_array_equal(seen, [wanted, wanted])


class TestPickles:
    def test_come_back_to_their_device(self, two: Any) -> None:
        model = xn.MLP([5, 3], backend="cupy:1").build()
        twin = pickle.loads(pickle.dumps(model))
        assert twin.backend is get("cupy:1")
        np.testing.assert_array_equal(twin.predict(X), model.predict(X))

    @pytest.mark.parametrize("follows", [False, True])
    def test_where_there_is_no_such_device(self, two: Any, follows: bool) -> None:
        model = xn.MLP([5, 3], backend=None if follows else "cupy:1")
        wanted = model.predict(_on(two, 1)).get()
        data = pickle.dumps(model)
        two.SETTINGS["devices"] = 1
        from xpnet.backends import select

        select.probed.cache_clear()
        with pytest.warns(BackendFallbackWarning, match="in cupy:1, .* into cupy, the first GPU"):
            twin = pickle.loads(data)
        assert twin.backend is get("cupy")
        np.testing.assert_array_equal(twin.predict(_on(two, 0)).get(), wanted)


def test_estimators(two: Any) -> None:
    found = xn.MLPClassifier((4,), backend="cupy:1", tol=1.0).fit(X, Y)
    assert found.coefs_[0].device.id == 1
    assert found.predict(X).shape == (30,)


def test_value_and_grad(two: Any) -> None:
    def loss(x: Any) -> Any:
        return xn.ops.mean(xn.ops.multiply(x, x))

    value, gradient = xn.value_and_grad(loss)(_on(two, 1))
    assert gradient.device.id == 1
    assert float(value) == pytest.approx((X * X).mean(), rel=1e-6)


class TestStreams:
    def test_the_model_waits_for_the_users_stream_and_the_other_way_round(self, cupy: Any) -> None:
        own = cupy.cuda.Stream(non_blocking=True)
        model = xn.MLP([5, 3], backend="cupy", check_finite=False).build()
        wanted = model.predict(X)
        with own:
            x = cupy.empty(X.shape, "float32")
            x[...] = cupy.asarray(X)  # still to be done when predict is called
            found = model.predict(x)
            np.testing.assert_array_equal((found + 0).get(), wanted)

    def test_work_is_asked_of_one_stream(self, cupy: Any) -> None:
        streams = {get("cupy").stream.ptr for _ in range(2)}
        with get("cupy").work():
            streams.add(cupy.cuda.get_current_stream().ptr)
            with get("cupy").work():
                streams.add(cupy.cuda.get_current_stream().ptr)
        assert len(streams) == 1
        assert cupy.cuda.get_current_stream().ptr not in streams
