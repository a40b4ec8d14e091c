"""Data that do not fit on the device: batches come from the host through two slots."""

import logging
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import get
from xpnet.backends.streaming import Streaming
from xpnet.data.conversion import backend_for_data
from xpnet.errors import DataError, DivergedError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(75, 5)).astype("float32")
Y = RNG.integers(0, 3, 75)


def _model(**settings: Any) -> xn.Model:
    net = xn.Sequential(xn.Dense(7, "relu"), xn.BatchNorm(), xn.Dense(3))
    return xn.Model(net, backend="cupy", **settings)


def _bits(model: xn.Model) -> list[bytes]:
    return [a.get().tobytes() for a in model.state_dict().values()]


def _fit(x: Any = X, y: Any = Y, **settings: Any) -> Any:
    model = _model()
    history = model.fit(x, y, epochs=2, batch_size=8, verbose=False, **settings).to_dict()
    return {n: c for n, c in history.items() if n != "seconds"}, _bits(model)


@pytest.fixture
def full(cupy: Any) -> Any:
    """A device with hardly any memory left."""

    def fill() -> None:
        cupy.SETTINGS["free"] = 1000

    return fill


FITS: dict[str, dict[str, Any]] = {
    "shuffled": {},
    "as they come": {"shuffle": False},
    "in the user's order": {"shuffle": lambda n: np.arange(n)[::-1]},
    "weighted": {"sample_weight": np.arange(75) % 4},
    "by class": {"class_weight": "balanced"},
    "validated": {"validation_data": (X[:60], Y[:60])},
}


@pytest.mark.parametrize("settings", FITS.values(), ids=FITS)
def test_a_fit_has_the_bits_of_one_with_the_data_on_the_device(full: Any, settings: Any) -> None:
    wanted = _fit(**settings)
    full()
    assert _fit(**settings) == wanted


def test_the_data_stay_where_they_are(cupy: Any, full: Any) -> None:
    full()
    assert backend_for_data(get("cupy"), "float32", X, Y) is get("numpy")
    cupy.SETTINGS["free"] = 10000
    assert backend_for_data(get("cupy"), "float32", X, Y) is get("cupy")
    assert backend_for_data(get("cupy"), "float32", cupy.asarray(X)) is get("cupy")
    assert backend_for_data(get("numpy"), "float32", X) is get("numpy")


def test_data_of_another_type_need_room_for_both(cupy: Any) -> None:
    cupy.SETTINGS["free"] = 2 * X.nbytes
    assert backend_for_data(get("cupy"), "float32", X).name == "cupy"
    assert backend_for_data(get("cupy"), "float32", X.astype("float64")).name == "numpy"


def test_pinned_memory_is_two_batches_however_many_there_are(cupy: Any, full: Any) -> None:
    full()
    _fit(np.tile(X, (9, 1)), np.tile(Y, 9))
    held = [array.nbytes for array in cupy._pinned]
    assert held == 2 * [8 * 5 * 4, 8 * 8]


def test_memory_mapped_files(full: Any, tmp_path: Any) -> None:
    wanted = _fit()
    for name, array in (("x", X), ("y", Y)):
        np.save(tmp_path / f"{name}.npy", array)
    full()
    maps = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xy"]
    assert _fit(*maps) == wanted


def test_predict_and_evaluate(cupy: Any, full: Any) -> None:
    model = _model()
    model.fit(X, Y, epochs=1, verbose=False)
    wanted = model.predict(X, batch_size=8), model.evaluate(X, Y, batch_size=8)
    full()
    np.testing.assert_array_equal(model.predict(X, batch_size=8), wanted[0])
    assert isinstance(model.predict(X), np.ndarray)
    assert model.evaluate(X, Y, batch_size=8) == wanted[1]


def test_a_step_by_hand_and_lbfgs_take_what_they_are_given(full: Any) -> None:
    models = _model(), _model()
    losses = [float(models[0].train_on_batch(X, Y))]
    full()
    losses.append(float(models[1].train_on_batch(X, Y)))
    assert losses[0] == losses[1]
    model = xn.Model(xn.Dense(3), optimizer=xn.LBFGS(), backend="cupy")
    assert model.fit(X, Y, epochs=2, verbose=False)["loss"][1] < 1.2


def test_a_checkpoint_is_resumed_in_the_middle(full: Any, tmp_path: Any) -> None:
    wanted = _fit()
    full()
    save = xn.Checkpoint(tmp_path, every=7, unit="step", keep=99)
    _fit(callbacks=[save])
    for path in tmp_path.iterdir():
        if path.name > "checkpoint-000000000007.safetensors":
            path.unlink()
    assert _fit(callbacks=[save], resume_from=tmp_path)[1] == wanted[1]


def test_bad_data_are_found_on_the_host(cupy: Any, full: Any) -> None:
    full()
    bad = X.copy()
    bad[7, 2] = np.nan
    with pytest.raises(DataError, match="NaN"):
        _fit(bad)
    with pytest.raises(DataError, match="labels"):
        _fit(X, Y + 1)
    assert cupy.COUNTS["uploads"] < 20


def test_why_steps_are_not_captured(
    full: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from xpnet.lowering.cuda import gemm

    monkeypatch.setattr(gemm, "usable", lambda cupy, precision: (True, "works"))
    full()
    with caplog.at_level(logging.INFO, logger="xpnet"):
        _fit()
    assert "the data are not on the device" in caplog.text


class TestTheOrder:
    """The stand-in does everything as late as allowed, which reveals any missing wait."""

    def test_the_host_waits_before_it_fills_pinned_memory_again(
        self, cupy: Any, full: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wanted = _fit()
        full()
        monkeypatch.setattr(cupy.cuda.Event, "synchronize", lambda event: None)
        assert self._is_wrong(wanted)

    @pytest.mark.parametrize("computing", [True, False])
    def test_the_streams_wait_for_each_other(
        self, cupy: Any, full: Any, monkeypatch: pytest.MonkeyPatch, computing: bool
    ) -> None:
        wanted, own, wait = _fit(), get("cupy").stream, cupy.cuda.Stream.wait_event
        full()

        def deaf(stream: Any, event: Any) -> None:
            if (stream == own) is not computing or stream.ptr == 0:
                wait(stream, event)

        monkeypatch.setattr(cupy.cuda.Stream, "wait_event", deaf)
        assert self._is_wrong(wanted)

    @staticmethod
    def _is_wrong(wanted: Any) -> bool:
        try:
            return bool(_fit() != wanted)
        except DivergedError:  # of memory that nothing was copied to
            return True

    def test_memory_that_is_still_worked_with_is_not_copied_to(self, cupy: Any) -> None:
        """The work stream may still read a slot's memory; the copy waits for it."""
        backend, done = get("cupy"), cupy.zeros(1)
        with backend.work():
            cupy.add(done, 1, out=done)
            streaming = Streaming(backend, [X], 8)
            streaming.stage(slice(0, 8))
            streaming._stream.drain()
            assert done._values[0] == 1

    def test_a_fit_that_ends_leaves_no_batch_on_its_way(
        self, cupy: Any, full: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[Any] = []
        begin = Streaming.__init__

        def note(self: Any, *args: Any) -> None:
            begin(self, *args)
            made.append(self)

        class Broken(xn.Callback):
            def on_step_end(self, model: Any, step: int) -> None:
                if step == 3:
                    raise RuntimeError("no more")

        full()
        monkeypatch.setattr(Streaming, "__init__", note)
        with pytest.raises(RuntimeError, match="no more"):
            _fit(callbacks=[Broken()])
        assert not made[0]._waiting
        assert not made[0]._stream._queue
