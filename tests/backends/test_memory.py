"""A device that runs out of memory: the message says what to do, and the model can be used."""

from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import cuda, get
from xpnet.errors import DeviceMemoryError, XpnetError
from xpnet.lowering.cuda import gemm

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 5)).astype("float32")
Y = RNG.integers(0, 3, 30)


def _model() -> xn.Model:
    net = xn.Sequential(xn.Dense(7, "relu"), xn.BatchNorm(), xn.Dense(3))
    return xn.Model(net, optimizer=xn.Adam(0.01, clip_norm=1.0), backend="cupy").build(5)


CALLS = {
    "fit": lambda m: m.fit(
        X, Y, epochs=2, batch_size=12, shuffle=False, validation_data=(X, Y), verbose=False
    ),
    "predict": lambda m: m.predict(X, batch_size=20),
    "evaluate": lambda m: m.evaluate(X, Y, batch_size=20),
    "train_on_batch": lambda m: m.train_on_batch(X, Y),
    "state_dict": lambda m: m.state_dict(),
    "set_optimizer": lambda m: setattr(m, "optimizer", xn.SGD(0.1, momentum=0.9)),
}


def _state(model: xn.Model) -> dict[str, Any]:
    return {name: a.get() for name, a in model.state_dict().items()}


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_wherever_it_happens_the_model_can_be_used_as_before(
    cupy: Any, monkeypatch: pytest.MonkeyPatch, name: str, captured: bool
) -> None:
    monkeypatch.setattr(gemm, "usable", lambda cupy, precision: (captured, "as the test wants it"))
    cupy.SETTINGS["products"] = True
    whole = _model()
    start = _state(whole)
    cupy.COUNTS["allocations"] = 0
    CALLS[name](whole)
    allocations = cupy.COUNTS["allocations"]
    assert allocations > 0
    for at in range(1, allocations + 1):
        model = _model()
        cupy.COUNTS["allocations"], cupy.SETTINGS["fails"] = 0, at
        with pytest.raises(DeviceMemoryError):
            CALLS[name](model)
        cupy.SETTINGS["fails"] = None
        found = _state(model)
        assert all(np.isfinite(a).all() for a in found.values())
        if model.engine.state.updates == 0:
            assert all((found[n] == start[n]).all() for n in start), f"allocation {at}"
        assert np.isfinite(CALLS["predict"](model)).all()
        if at % 10 == 0:
            assert np.isfinite(CALLS["fit"](model)["loss"]).all()


def test_before_the_first_step_nothing_is_changed(cupy: Any) -> None:
    for at in (1, 5, 20):
        model, twin = _model(), _model()
        cupy.COUNTS["allocations"], cupy.SETTINGS["fails"] = 0, at
        with pytest.raises(DeviceMemoryError):
            CALLS["fit"](model)
        cupy.SETTINGS["fails"] = None
        assert model.engine.state.updates == 0
        histories = [CALLS["fit"](m)["loss"] for m in (model, twin)]
        assert histories[0] == histories[1]


def test_the_message(cupy: Any) -> None:
    model = _model()
    cupy.SETTINGS.update(free=3_000_000_000, total=16_000_000_000)
    cupy.COUNTS["allocations"], cupy.SETTINGS["fails"] = 0, 2
    with pytest.raises(DeviceMemoryError) as caught:
        CALLS["fit"](model)
    text = str(caught.value)
    assert text.startswith("cupy is out of memory: Out of memory allocating ")
    assert "Of its 16,000,000,000 bytes 3,000,000,000 are free." in text
    for advice in ("smaller batch_size", "smaller layers", "float32", "NumPy arrays"):
        assert advice in text
    error = caught.value
    assert (error.free, error.total) == (3_000_000_000, 16_000_000_000)
    assert error.asked is not None
    assert isinstance(error, MemoryError)
    assert isinstance(error, XpnetError)


def test_memory_is_given_back(cupy: Any) -> None:
    model = _model()
    model.predict(X)
    before = model.engine.programs._arena.memory
    cupy.COUNTS["allocations"], cupy.SETTINGS["fails"] = 0, 3
    with pytest.raises(DeviceMemoryError) as caught:
        CALLS["fit"](model)
    assert cupy.POOL == {"freed": 1, "pinned_freed": 1}
    assert not model.engine.programs._made
    assert model.engine.programs._arena.memory is not before
    # Nothing of what failed is held by the error, whose frames would hold the arrays.
    assert caught.value.__context__ is caught.value.__cause__ is None


@pytest.mark.parametrize("value", [0.0, 1e30, np.inf, np.nan])
def test_a_check_for_nan_needs_little_memory(
    cupy: Any, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    """Data that just fit leave no room for a second array of their size."""
    monkeypatch.setattr(cuda, "_PIECE", 1000)
    values = np.zeros((700, 9), "float32")
    values[650, 3] = value
    x = cupy.ndarray(values)
    cupy.COUNTS["largest"] = 0
    assert get("cupy").finite(x) == np.isfinite(value)
    assert 0 < cupy.COUNTS["largest"] <= 4000
    assert get("cupy").finite(x[:0])


def test_a_limit_that_cupy_was_given_counts(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool(type(cupy.get_default_memory_pool())):
        def get_limit(self) -> int:
            return 5000

        def used_bytes(self) -> int:
            return 3000

    monkeypatch.setattr(cupy, "get_default_memory_pool", Pool)
    assert get("cupy").fits(1600)
    assert not get("cupy").fits(1601)


def test_memory_of_the_host_is_the_hosts(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """If NumPy runs out of memory, its own error is raised."""
    model = xn.MLP([5, 3], backend="numpy")
    monkeypatch.setattr(
        "xpnet.model.accept", lambda *a, **k: (_ for _ in ()).throw(MemoryError("host"))
    )
    with pytest.raises(MemoryError, match="host") as caught:
        model.fit(X, Y)
    assert not isinstance(caught.value, DeviceMemoryError)
