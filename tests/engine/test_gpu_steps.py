"""Graphs, streaming, memory and devices on a real GPU. Run them alone with ``pytest -m gpu``."""

from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import get
from xpnet.errors import DeviceMemoryError

_STATUS = {status.name: status for status in xn.backends.status()}
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not _STATUS["cupy"].usable, reason=f"cupy: {_STATUS['cupy'].reason}"),
]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(1003, 20)).astype("float32")
Y = X[:, :3].argmax(axis=1)

NETS = {
    "relu": lambda: xn.Sequential(xn.Dense(64, "relu"), xn.Dense(64, "relu"), xn.Dense(3)),
    "dropout": lambda: xn.Sequential(xn.Dense(64, "relu"), xn.Dropout(0.3), xn.Dense(3)),
    "running means": lambda: xn.Sequential(xn.Dense(64), xn.BatchNorm(), xn.ReLU(), xn.Dense(3)),
    "branches": lambda: xn.Sequential(xn.Concat(xn.Dense(8), xn.Dense(5, "tanh")), xn.Dense(3)),
}


def _fit(net: Any, backend: str = "cupy", **settings: Any) -> tuple[list[float], list[bytes]]:
    model = xn.Model(net(), optimizer=xn.Adam(xn.Warmup(0.01, 1.5)), backend=backend)
    history = model.fit(X, Y, epochs=4, batch_size=32, verbose=False, **settings)
    return history["loss"], [a.get().tobytes() for a in model.state_dict().values()]


@pytest.fixture
def usable() -> None:
    """Skip where cuBLASLt cannot be captured, saying why."""
    from xpnet.lowering.cuda.gemm import usable

    backend: Any = get("cupy")
    good, reason = usable(backend.cupy)
    if not good:
        pytest.skip(f"steps cannot be captured: {reason}")


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("steps", [2, 32])  # with 2, it is an error if they are not captured
def test_captured_steps_have_the_bits_of_single_calls(usable: None, net: str, steps: int) -> None:
    assert _fit(NETS[net], steps_per_execution=steps) == _fit(NETS[net], steps_per_execution=0)


def test_a_checkpoint_within_an_epoch(usable: None, tmp_path: Any) -> None:
    wanted = _fit(NETS["dropout"], steps_per_execution=0)
    save = xn.Checkpoint(tmp_path, every=7, unit="step", keep=99)
    _fit(NETS["dropout"], callbacks=[save])
    for path in tmp_path.iterdir():
        if path.name > "checkpoint-000000000042.safetensors":
            path.unlink()
    assert _fit(NETS["dropout"], callbacks=[save], resume_from=tmp_path)[1] == wanted[1]


@pytest.mark.parametrize("net", NETS)
def test_streamed_data_give_the_bits_of_resident_ones(
    monkeypatch: pytest.MonkeyPatch, net: str
) -> None:
    wanted = _fit(NETS[net], steps_per_execution=0)
    monkeypatch.setattr(type(get("cupy")), "fits", lambda backend, nbytes: False)
    assert _fit(NETS[net]) == wanted


def test_out_of_memory_leaves_the_model_usable() -> None:
    backend: Any = get("cupy")
    pool = backend.cupy.get_default_memory_pool()
    model = xn.Model(NETS["relu"](), backend="cupy")
    model.fit(X, Y, epochs=1, verbose=False)
    before = model.predict(X)
    backend.release()
    pool.set_limit(size=pool.used_bytes() + 2**20)
    try:
        with pytest.raises(DeviceMemoryError, match="Out of memory allocating") as caught:
            model.predict(np.zeros((30_000, 20), "float32"), batch_size=30_000)
        assert caught.value.total is not None
    finally:
        pool.set_limit(size=0)
    np.testing.assert_array_equal(model.predict(X), before)
    model.fit(X, Y, epochs=1, verbose=False)


@pytest.mark.skipif("cupy:1" not in _STATUS, reason="there is one GPU")
def test_the_second_gpu_computes_as_the_first() -> None:
    first, second = (_fit(NETS["dropout"], name) for name in ("cupy", "cupy:1"))
    np.testing.assert_allclose(second[0], first[0], rtol=1e-5)
