"""CuPy that cannot run: the message names the stage and keeps what CuPy said."""

import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from xpnet.backends import cuda, get, status
from xpnet.errors import BackendUnavailableError


class CUDARuntimeError(RuntimeError):
    """What CuPy raises."""


_DRIVER = (
    "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"
)


class _Matrix:
    """An array with the sum and the product that the test needs."""

    def __init__(self, fake: "_Fake") -> None:
        self._fake = fake

    def reshape(self, *shape: int) -> "_Matrix":
        return self

    def __add__(self, other: Any) -> "_Matrix":
        return self

    def __mul__(self, other: Any) -> "_Matrix":
        return self._fake.step("kernel", self)

    def __matmul__(self, other: Any) -> "_Matrix":
        return self._fake.step("product", self)

    def sum(self) -> float:
        return self._fake.total

    def __getitem__(self, key: Any) -> float:
        return self._fake.corner


class _Fake(ModuleType):
    """A CuPy that fails at one stage."""

    __version__ = "14.2.0"

    def __init__(self, fails: str = "", error: Exception | None = None, **found: Any) -> None:
        super().__init__("cupy")
        self._fails, self._error = fails, error
        self._devices = found.get("devices", 1)
        self.total, self.corner = found.get("total", 30.0), found.get("corner", 7.0)
        runtime = SimpleNamespace(getDeviceCount=lambda: self.step("count", self._devices))
        self.cuda = SimpleNamespace(runtime=runtime)

    def step(self, name: str, value: Any) -> Any:
        if name == self._fails:
            assert self._error is not None
            raise self._error
        return value

    def arange(self, n: int, dtype: str) -> _Matrix:
        return self.step("arange", _Matrix(self))


def _refusal(monkeypatch: pytest.MonkeyPatch, fake: Any) -> str:
    """What ``get("cupy")`` says; ``status`` must say the same, and not that it is usable."""
    monkeypatch.setattr(cuda, "load", lambda: fake)
    with pytest.raises(BackendUnavailableError) as caught:
        get("cupy")
    found = status()[1]
    assert not found.usable
    assert found.reason in str(caught.value)
    assert get("auto") is get("numpy")
    return str(caught.value)


def test_a_cupy_that_works() -> None:
    cuda.probe(_Fake())


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    text = _refusal(monkeypatch, _Fake("count", CUDARuntimeError(_DRIVER)))
    assert f"finding a device failed: CUDARuntimeError: {_DRIVER}" in text
    assert "nvidia-smi" in text
    assert "backend='auto'" in text
    assert status()[1].version == "14.2.0"


def test_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    text = _refusal(monkeypatch, _Fake(devices=0))
    assert "finding a device failed" in text
    assert "no device" in text


def test_allocation_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    text = _refusal(monkeypatch, _Fake("arange", MemoryError("out of memory")))
    assert "elementwise kernel failed: MemoryError: out of memory" in text


def test_kernel_does_not_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    error = RuntimeError("Failed to find headers:\n   cuda_fp16.h\n")
    text = _refusal(monkeypatch, _Fake("kernel", error))
    assert "compiling and running an elementwise kernel failed" in text
    assert "RuntimeError: Failed to find headers: cuda_fp16.h" in text


@pytest.mark.parametrize("total", [0.0, 29.0, float("nan")])
def test_kernel_computes_nonsense(monkeypatch: pytest.MonkeyPatch, total: float) -> None:
    text = _refusal(monkeypatch, _Fake(total=total))
    assert "elementwise kernel failed: RuntimeError: the kernel returned a wrong result" in text


def test_matrix_product_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    text = _refusal(monkeypatch, _Fake("product", OSError("libcublas.so.13: cannot open")))
    assert "running a 2x2 matrix product (cuBLAS) failed" in text
    assert "OSError: libcublas.so.13: cannot open" in text


@pytest.mark.parametrize("corner", [0.0, 10.0, float("nan")])
def test_matrix_product_is_wrong(monkeypatch: pytest.MonkeyPatch, corner: float) -> None:
    text = _refusal(monkeypatch, _Fake(corner=corner))
    assert "matrix product (cuBLAS) failed: RuntimeError: the product is wrong" in text


def test_an_error_without_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "RuntimeError: no message" in _refusal(monkeypatch, _Fake("product", RuntimeError()))


def test_an_empty_package_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    text = _refusal(monkeypatch, ModuleType("cupy"))
    assert "finding a device failed: AttributeError" in text
    assert status()[1].version is None


def test_a_cupy_without_a_function_that_is_needed(
    monkeypatch: pytest.MonkeyPatch, cupy: Any
) -> None:
    def absent(name: str) -> Any:
        raise AttributeError(f"module 'cupy' has no attribute {name!r}")

    monkeypatch.delattr(cupy, "log1p")
    monkeypatch.setattr(cupy, "__getattr__", absent)
    assert "module 'cupy' has no attribute 'log1p'" in _refusal(monkeypatch, cupy)


@pytest.mark.parametrize(
    "error", [OSError("libcudart.so.13: cannot open"), RuntimeError("CuPy is broken")]
)
def test_importing_raises_something_else(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def load() -> Any:
        raise error

    monkeypatch.setattr(cuda, "load", load)
    with pytest.raises(BackendUnavailableError, match="importing CuPy failed") as caught:
        get("cupy")
    assert f"{type(error).__name__}: {error}" in str(caught.value)
    assert "reinstall" in str(caught.value)
    assert get("auto") is get("numpy")


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)  # what makes Python's import fail
    with pytest.raises(BackendUnavailableError, match=r"CuPy cannot be imported .*xpnet\[cuda13\]"):
        get("cupy")


def _real_cupy_without_a_driver() -> str:
    """Why the real wheel's refusal cannot be seen here; empty if it can."""
    if importlib.util.find_spec("cupy") is None:
        return "CuPy is not installed (.ci/run installs it and runs this again)"
    import cupy

    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError:
        return ""
    return "CuPy finds a device here" if count else ""


def test_the_real_cupy_without_a_driver() -> None:
    reason = _real_cupy_without_a_driver()
    if reason:
        pytest.skip(reason)
    import cupy

    with pytest.raises(BackendUnavailableError) as caught:
        get("cupy")
    assert "finding a device failed: CUDARuntimeError: cudaError" in str(caught.value)
    found = status()[1]
    assert (found.version, found.usable) == (cupy.__version__, False)
    assert get("auto") is get("numpy")
