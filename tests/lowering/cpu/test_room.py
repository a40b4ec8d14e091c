"""No room for more machine code: the plain path. Code that nothing calls: freed."""

import gc
import logging
import weakref
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet import lowering
from xpnet.lowering.cpu import jit, room

X = np.random.default_rng(0).normal(size=(300, 12)).astype("float32")
Y = np.arange(300) % 3


def refuse() -> None:
    raise room.NoRoomError("no more memory can be mapped for machine code")


def fitted(width: int = 7, **settings: Any) -> xn.Model:
    model = xn.MLP([12, width, 3], seed=0, backend="numpy")
    model.fit(X, Y, epochs=4, batch_size=20, verbose=False, **settings)
    return model


@pytest.mark.parametrize("keep", [True, False])
def test_the_plain_path(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, keep: bool
) -> None:
    """Whether the modules that all programs share are loaded already or not."""
    wanted = fitted()
    monkeypatch.setattr(jit, "_LOOPS", {})
    if not keep:
        monkeypatch.setattr(jit, "_ENGINES", {})
        jit._runner.cache_clear()
    monkeypatch.setattr(room, "check", refuse)
    lowering._say_once.cache_clear()
    with caplog.at_level(logging.WARNING, "xpnet"):
        models = [fitted(width) for width in (7, 8)]
        models[0].predict(X)
        models[0].predict(X[:1])
        models[0].evaluate(X, Y)
    said = [r.message for r in caplog.records if "may not be compiled" in r.message]
    assert len(said) == 1
    for name, value in wanted.state_dict().items():
        np.testing.assert_allclose(models[0].state_dict()[name], value, rtol=1e-3, atol=1e-5)
    jit._runner.cache_clear()


def test_there_is_room_here() -> None:
    room.check()


@pytest.mark.parametrize("error", [OSError(12, "Cannot allocate memory"), MemoryError()])
@pytest.mark.parametrize("after", [0, 5])
def test_no_room(monkeypatch: pytest.MonkeyPatch, error: Exception, after: int) -> None:
    made: list[Any] = []
    real = room.mmap.mmap

    def refused(*args: Any, **settings: Any) -> Any:
        if len(made) == after:
            raise error
        made.append(real(*args, **settings))
        return made[-1]

    monkeypatch.setattr(room.mmap, "mmap", refused)
    with pytest.raises(room.NoRoomError):
        room.check()
    assert all(each.closed for each in made)


def test_code_is_freed_after_the_last_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit, "_LOOPS", {})
    model = fitted()
    model.predict(X)
    engines = [weakref.ref(jit._CODE[address]) for address in jit._LOOPS.values()]
    assert engines
    jit._LOOPS.clear()
    assert np.isfinite(model.predict(X)).all()  # its tasks keep the code that they call
    gc.collect()
    held = [engine for engine in engines if engine() is not None]
    assert held
    del model
    gc.collect()
    assert all(engine() is not None for engine in held)  # a thread may fork at this moment
    fitted(width=7).predict(X)
    assert not any(engine() is not None for engine in engines)


def test_the_least_used_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit, "_LOOPS", {})
    monkeypatch.setattr(jit, "_KEPT", 5)
    wanted = fitted().state_dict()
    assert len(jit._LOOPS) == 5
    again = fitted().state_dict()
    assert all(np.array_equal(again[name], value) for name, value in wanted.items())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (xn.AdamW(1e-3, weight_decay=0.013), xn.AdamW(1e-3, weight_decay=0.37)),
        (xn.SGD(0.1, momentum=0.3), xn.SGD(0.1, momentum=0.77)),
        (xn.Adam(1e-3, beta1=0.91), xn.Adam(2e-3, beta1=0.83)),
    ],
)
def test_other_numbers_share_the_code(first: Any, second: Any) -> None:
    def made(optimizer: Any, rate: float, width: int) -> int:
        net = xn.Sequential(
            xn.Dense(width, "relu"), xn.Dropout(rate), xn.Dense(width, "elu"), xn.Dense(3)
        )
        model = xn.Model(net, optimizer=optimizer, backend="numpy")
        model.fit(X, Y, epochs=1, batch_size=20, verbose=False)
        return len(jit._LOOPS)

    before = made(first, 0.21, 300)
    assert made(second, 0.43, 300) == before
    assert made(second, 0.33, 310) == before
