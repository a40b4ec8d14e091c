"""Precision: rounding bit by bit, copies no oftener than needed, what is refused."""

import copy
import ctypes
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import precision as setting
from xpnet.backends import select
from xpnet.backends.cuda import CupyBackend
from xpnet.errors import (
    ArgumentError,
    BackendFallbackWarning,
    BackendUnavailableError,
    UnknownNameError,
)
from xpnet.kernels import Recorder
from xpnet.lowering.cuda.gemm import handle
from xpnet.lowering.cuda.products import lower_products
from xpnet.ops.loss_scale import FIRST

RNG = np.random.default_rng(0)
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 65504, 65519.99, 65520, 65536, 1e-8, 6e-8, 3e-8]
SPECIAL += [
    2.0**-14,
    2.0**-24,
    2.0**-25,
    1.5 * 2.0**-24,
    1e-40,
    3.4e38,
    1 + 2.0**-9,
    1 + 3 * 2.0**-9,
]


def _numbers() -> Any:
    bits = RNG.integers(0, 2**32, 200_000, dtype=np.uint32)
    exponents = np.exp2(RNG.uniform(-30, 20, 200_000)).astype("float32")
    return np.concatenate([np.float32(SPECIAL), bits.view("float32"), exponents, -exponents])


def _bfloat16(x: Any) -> Any:
    """The nearest number with 7 bits behind the point, ties to even, by comparing both."""
    low = x.view(np.uint32) & np.uint32(0xFFFF0000)
    wide = x.astype(np.float64)
    below, above = (b.view(np.float32).astype(np.float64) for b in (low, low + np.uint32(0x10000)))
    # What would be the next number behind the largest, if there were infinitely many.
    above = np.where(np.isinf(above), np.copysign(2.0**128, below), above)
    nearer = np.abs(above - wide) - np.abs(wide - below)
    up = (nearer < 0) | ((nearer == 0) & (low >> 16 & 1 == 1))
    return np.where(up, (low >> 16) + 1, low >> 16).astype(np.uint16)


def _cast(kernels: Any, name: str, x: Any) -> Any:
    out = np.empty(x.shape, np.uint16)
    getattr(kernels, name)(
        *(ctypes.c_void_p(a.ctypes.data) for a in (x, out)), ctypes.c_longlong(x.size)
    )
    return out


def test_float16_is_rounded_as_numpy_does(kernels: ctypes.CDLL) -> None:
    x = _numbers()
    found = _cast(kernels, "cast_float16", x).view(np.float16)
    with np.errstate(all="ignore"):
        wanted = x.astype(np.float16)
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(x))


def test_bfloat16_is_rounded_to_the_nearest(kernels: ctypes.CDLL) -> None:
    x = _numbers()
    found = _cast(kernels, "cast_bfloat16", x)
    numbers = ~np.isnan(x)
    with np.errstate(all="ignore"):
        finite = numbers & np.isfinite(x)
        np.testing.assert_array_equal(found[finite], _bfloat16(x[finite]))
    wide = (found.astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(np.isnan(wide), np.isnan(x))
    np.testing.assert_array_equal(wide[np.isinf(x)], x[np.isinf(x)])


def test_any_part_of_memory_is_rounded(kernels: ctypes.CDLL) -> None:
    """Four numbers at a time where they are aligned, and a rest; nothing else is written."""
    x = _numbers()[-40:]
    for start in range(5):
        for size in range(1, 14):
            out = np.full(40, 7, np.uint16)
            part = x[start : start + size]
            kernels.cast_float16(
                *(ctypes.c_void_p(a.ctypes.data) for a in (part, out)), ctypes.c_longlong(size)
            )
            with np.errstate(all="ignore"):
                wanted = part.astype(np.float16)
            np.testing.assert_array_equal(out[:size].view(np.float16), wanted)
            assert (out[size:] == 7).all()


# --- copies -------------------------------------------------------------------------------------


@pytest.fixture
def launches(lt: Any, raw_kernels: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the kernels of `sixteen_bit` in the order in which they are launched."""
    from xpnet.lowering.cuda import sixteen_bit

    found: list[str] = []
    plain = sixteen_bit._launch

    def launch(name: str, n: int, *args: Any) -> Any:
        run = plain(name, n, *args)
        return lambda: (found.append(name), run())

    monkeypatch.setattr(sixteen_bit, "_launch", launch)
    return found


def _round(x: Any, precision: str) -> Any:
    if precision == "float16":
        return x.astype(np.float16).astype("float32")
    return (_bfloat16(x).astype(np.uint32) << 16).view(np.float32).reshape(x.shape)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_operands_are_rounded_and_sums_are_not(
    precision: str, launches: list[str], cupy: Any, backend: Any
) -> None:
    a, b = (RNG.normal(size=s).astype("float32") for s in ((9, 40), (40, 7)))
    x, w, y = cupy.ndarray(a.copy()), cupy.ndarray(b.copy()), cupy.empty((9, 7), "float32")
    recorder = Recorder(backend)
    recorder(backend.raw.matmul, x, w, out=y)
    (call,) = lower_products(backend.rounded(precision), recorder.calls)
    launches.clear()
    call()
    assert launches == [f"cast_{precision}"] * 2
    wanted = _round(a, precision) @ _round(b, precision)
    np.testing.assert_allclose(y.get(), wanted, rtol=1e-5, atol=1e-5)
    assert np.abs(y.get() - a @ b).max() > 1e-4
    assert np.array_equal(x.get(), a)


def test_tf32_reads_float32_memory(launches: list[str], cupy: Any, lt: Any, backend: Any) -> None:
    x = cupy.ndarray(RNG.normal(size=(8, 8)).astype("float32"))
    recorder = Recorder(backend)
    recorder(backend.raw.matmul, x, x, out=cupy.empty((8, 8), "float32"))
    (call,) = lower_products(backend.rounded("tf32"), recorder.calls)
    launches.clear()
    lt.PRODUCTS.clear()
    call()
    assert not launches
    assert [(p["compute"], p["type"]) for p in lt.PRODUCTS] == [("COMPUTE_32F_FAST_TF32", 0)]
    (call,) = lower_products(backend, recorder.calls)
    lt.PRODUCTS.clear()
    call()
    assert [p["compute"] for p in lt.PRODUCTS] == ["COMPUTE_32F"]


def test_a_copy_is_made_again_where_memory_was_written(
    launches: list[str], cupy: Any, backend: Any
) -> None:
    rounded = backend.rounded("bfloat16")
    x, w, y, z = (cupy.ndarray(RNG.normal(size=(6, 6)).astype("float32")) for _ in range(4))
    flat = x[...].reshape(36)
    recorder = Recorder(rounded)
    recorder(rounded.raw.matmul, x, w, out=y)  # x, w
    recorder(rounded.raw.matmul, w.T, x, out=z)  # both are there
    recorder(rounded.raw.multiply, flat[:1], 2, out=flat[:1])  # a part of x
    recorder(rounded.raw.matmul, x, w, out=y)  # x
    recorder(rounded.raw.matmul, y, z, out=x)  # y, z
    calls, counts = lower_products(rounded, recorder.calls), []
    for _ in range(2):  # and so in every run
        for call in calls:
            launches.clear()
            call()
            counts.append(len(launches))
    assert counts == [2, 0, 0, 1, 2] * 2
    wanted = _round(y.get(), "bfloat16") @ _round(z.get(), "bfloat16")
    np.testing.assert_allclose(x.get(), wanted, rtol=1e-5, atol=1e-5)


def test_an_epilogue_that_there_is_not_leaves_no_copy_behind(
    launches: list[str], cupy: Any, lt: Any, backend: Any
) -> None:
    rounded = backend.rounded("bfloat16")
    x, w, b, y = (cupy.ndarray(RNG.normal(size=(6, 6)).astype("float32")) for _ in range(4))
    recorder = Recorder(rounded)
    recorder(rounded.raw.matmul, x, w, out=y)
    recorder(rounded.raw.add, y, b[:1], out=y)
    assert handle("bfloat16") is not None
    lt.SETTINGS["refused"] = {"BIAS"}
    calls = lower_products(rounded, recorder.calls)
    launches.clear()
    for call in calls:
        call()
    assert len(calls) == len(launches) == 2
    wanted = _round(x.get(), "bfloat16") @ _round(w.get(), "bfloat16") + b.get()[:1]
    np.testing.assert_allclose(y.get(), wanted, rtol=1e-5, atol=1e-5)


# --- whole models -------------------------------------------------------------------------------


def _data() -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(64, 5)).astype("float32")
    return X, (X @ rng.normal(size=(5, 3))).argmax(axis=1)


def _model(**settings: Any) -> xn.Model:
    net = xn.Sequential(xn.Dense(16, "relu"), xn.Dense(16, "relu"), xn.Dense(3))
    return xn.Model(net, optimizer=xn.Adam(0.01), **({"backend": "cupy"} | settings))


@pytest.mark.parametrize("precision", ["tf32", "bfloat16", "float16"])
def test_training_is_near_that_in_float32(precision: str, lowered: None, lt: Any) -> None:
    X, y = _data()
    losses = []
    for chosen in ("float32", precision):
        model = _model(precision=chosen)
        lt.PRODUCTS.clear()
        history = model.fit(X, y, epochs=5, batch_size=16, verbose=False)
        losses.append([row["loss"] for row in history])
    np.testing.assert_allclose(losses[1], losses[0], rtol=2e-2)
    assert losses[1] != losses[0]
    types = {p["type"] for p in lt.PRODUCTS}
    assert types == {{"tf32": 0, "bfloat16": 14, "float16": 2}[precision]}
    for array in (*model.parameters.values(), *model.gradients.values()):
        assert array.dtype.name == "float32"


def test_float16_gradients_are_scaled_within_and_not_outside(lowered: None) -> None:
    X, y = _data()
    found = []
    for chosen in ("float32", "float16"):
        model = _model(precision=chosen)
        seen: dict[str, Any] = {}

        class Look(xn.Callback):
            def on_gradient(self, model: Any, *args: Any, seen: Any = seen) -> None:
                seen.update({n: g.get() for n, g in model.gradients.items()})

        model.fit(X, y, epochs=1, batch_size=64, verbose=False, callbacks=[Look()])
        found.append(seen)
    for name, gradient in found[0].items():
        top = np.abs(gradient).max()
        np.testing.assert_allclose(found[1][name], gradient, atol=5e-3 * top, err_msg=name)


def test_a_step_that_overflows_changes_nothing(lowered: None, cupy: Any) -> None:
    X, y = _data()
    model = _model(precision="float16")
    model.train_on_batch(X, y)
    scale = model.engine.state.loss_scale
    assert scale is not None
    assert scale.get().tolist() == [FIRST, 1, 0, 0]
    scale[0] = 2.0**40
    before = {n: a.get() for n, a in model.parameters.items()}
    slots = {n: s.get() for n, s in model.engine.state.slots.items()}
    model.train_on_batch(X, y)
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(array.get(), before[name])
    for name, slot in model.engine.state.slots.items():
        np.testing.assert_array_equal(slot.get(), slots[name])
    assert scale.get().tolist() == [2.0**39, 0, 0, 1]
    scale[0] = FIRST
    model.train_on_batch(X, y)
    assert scale.get().tolist() == [FIRST, 1, 0, 1]
    assert any((array.get() != before[n]).any() for n, array in model.parameters.items())
    assert all(np.isfinite(s.get()).all() for s in model.engine.state.slots.values())


def test_a_step_reads_nothing_of_the_scale(lowered: None, cupy: Any) -> None:
    X, y = (cupy.array(a) for a in _data())
    model = _model(precision="float16")
    for _ in range(2):
        model.train_on_batch(X, y)
    reads, allocations = [], []
    for precision in ("float32", "float16"):
        model = _model(precision=precision)
        for _ in range(2):
            model.train_on_batch(X, y)
        cupy.COUNTS.update(reads=0, allocations=0)
        model.train_on_batch(X, y)
        reads.append(cupy.COUNTS["reads"])
        allocations.append(cupy.COUNTS["allocations"])
    assert reads[0] == reads[1]
    assert allocations[0] == allocations[1]


def test_a_checkpoint_keeps_the_scale(lowered: None, tmp_path: Any) -> None:
    X, y = _data()
    model = _model(precision="float16")
    model.fit(X, y, epochs=2, batch_size=16, callbacks=[xn.Checkpoint(tmp_path)], verbose=False)
    again = _model(precision="float16")
    again.fit(X, y, epochs=3, batch_size=16, resume_from=tmp_path, verbose=False)
    model.fit(X, y, epochs=1, batch_size=16, verbose=False)
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(array.get(), again.parameters[name].get())
    states = [m.engine.state.loss_scale.get().tolist() for m in (model, again)]
    assert states == [[FIRST, 12, 0, 0]] * 2
    with pytest.raises(ArgumentError, match="precision there: float16; here: bfloat16"):
        _model(precision="bfloat16").fit(X, y, epochs=3, batch_size=16, resume_from=tmp_path)


def test_lbfgs_is_refused_in_float16(lowered: None) -> None:
    pytest.importorskip("scipy")
    X, y = _data()
    model = xn.Model(xn.Dense(3), optimizer=xn.LBFGS(), backend="cupy", precision="float16")
    with pytest.raises(ArgumentError, match=r"L-BFGS .* float16"):
        model.fit(X, y, epochs=1)


# --- what is let in -----------------------------------------------------------------------------


def test_names() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown precision 'bf16'.*bfloat16"):
        xn.Model(xn.Dense(3), precision="bf16")
    with pytest.raises(ArgumentError, match="dtype is 'float64'"):
        xn.Model(xn.Dense(3), precision="tf32", dtype="float64")
    assert xn.Model(xn.Dense(3)).precision == "float32"


def test_other_backends_are_refused() -> None:
    with pytest.raises(ArgumentError, match="the backend is 'numpy': use backend='cupy'"):
        xn.Model(xn.Dense(3), precision="bfloat16", backend="numpy")
    model = xn.Model(xn.Dense(3), precision="bfloat16")
    X, y = _data()
    with pytest.raises(ArgumentError, match="the backend is 'numpy'"):
        model.fit(X, y)
    assert not model.built


def test_a_model_follows_arrays_on_a_gpu(lowered: None, cupy: Any, lt: Any) -> None:
    X, y = (cupy.array(a) for a in _data())
    model = xn.Model(xn.Dense(3), precision="bfloat16")
    model.fit(X, y, epochs=1, verbose=False)
    assert model.backend.precision == "bfloat16"
    assert {p["type"] for p in lt.PRODUCTS[-3:]} == {14}
    assert model.predict(X).shape == (64, 3)


def test_backends_in_two_precisions(cupy: Any) -> None:
    plain = select.get("cupy")
    rounded = setting.in_precision(plain, "tf32")
    assert setting.in_precision(plain, "tf32") is rounded
    assert (plain.precision, rounded.precision, rounded.name) == ("float32", "tf32", "cupy")
    assert setting.in_precision(rounded, "tf32") is rounded


def test_without_cublaslt_it_is_said_before_anything_changes(lowered: None, lt: Any) -> None:
    lt.SETTINGS["refused"] = {"uint16"}
    X, y = _data()
    model = _model(precision="bfloat16")
    with pytest.raises(BackendUnavailableError, match=r"'bfloat16' needs cuBLASLt: .*bfloat16"):
        model.fit(X, y, epochs=1)


def test_fallback_warns_once_and_is_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XPNET_FALLBACK", "numpy")
    monkeypatch.setattr(select, "_get_cupy", None, raising=False)
    monkeypatch.setitem(select._BY_NAME, "cupy", select._numpy)
    setting._warn.cache_clear()
    with pytest.warns(BackendFallbackWarning, match=r"precision='bfloat16' needs a GPU"):
        model = xn.Model(xn.Dense(3), precision="bfloat16", backend="cupy")
    assert model.precision == "float32"
    X, y = _data()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y, epochs=1, verbose=False)
        xn.Model(xn.Dense(3), precision="bfloat16", backend="cupy")


def test_it_is_shown_and_kept(lowered: None, tmp_path: Any) -> None:
    X, y = _data()
    model = _model(precision="bfloat16")
    model.fit(X, y, epochs=1, verbose=False)
    assert repr(model).endswith("cupy, precision='bfloat16')")
    path = tmp_path / "m.safetensors"
    model.save(path)
    loaded = xn.load(path, backend="cupy")
    assert (loaded.precision, loaded.backend.precision) == ("bfloat16", "bfloat16")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    on_cpu = xn.load(path, backend="numpy")
    assert (on_cpu.precision, on_cpu.backend.precision) == ("float32", "float32")
    np.testing.assert_allclose(on_cpu.predict(X), model.predict(X), atol=5e-2)
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert (twin.precision, twin.backend.precision) == ("bfloat16", "bfloat16")
        np.testing.assert_array_equal(twin.predict(X), model.predict(X))


def test_a_float32_file_is_as_it_was(tmp_path: Any) -> None:
    X, y = _data()
    model = _model(backend="numpy")
    model.fit(X, y, epochs=1, verbose=False)
    model.save(tmp_path / "m")
    assert b"precision" not in (tmp_path / "m").read_bytes()
    assert xn.load(tmp_path / "m").precision == "float32"


def test_cupys_own_product_is_never_tf32(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Core:
        kind = 7  # COMPUTE_TYPE_TF32

        def get_compute_type(self, dtype: str) -> int:
            return self.kind

        def set_compute_type(self, dtype: str, kind: int) -> None:
            assert dtype == "float32"
            self.kind = kind

    core, used = Core(), []
    plain = cupy.matmul
    monkeypatch.setattr(cupy, "_core", core, raising=False)
    monkeypatch.setattr(cupy, "matmul", lambda *a, **k: (used.append(core.kind), plain(*a, **k))[1])
    monkeypatch.setenv("CUPY_TF32", "1")
    x = cupy.ndarray(np.ones((2, 2), "float32"))
    out = cupy.empty((2, 2), "float32")
    CupyBackend(cupy).raw.matmul(x, x, out=out)
    assert used == [4]  # COMPUTE_TYPE_FP32
    assert core.kind == 7
    assert (out.get() == 2).all()
    monkeypatch.setenv("CUPY_TF32", "0")
    assert CupyBackend(cupy).raw.matmul is cupy.matmul
