"""CuPy and cuBLASLt as stand-ins, and kernels compiled as C."""

import ctypes
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

import pytest
from support import emulated as emulation
from support import loop_collector, standin_cublaslt, zoo
from support.standins import cupy, fresh, standin_modules

__all__ = ["cupy", "fresh", "standin_modules"]


# One thread does what a grid of threads does: each loop is over all elements in steps of the grid.
_PRELUDE = """
#define __global__
#define __device__
#define __syncthreads()
typedef struct { int x, y, z, w; } int4;
typedef struct { float x, y, z, w; } float4;
typedef struct { unsigned short x, y, z, w; } ushort4;
static struct { int x; } threadIdx = {0}, blockIdx = {0}, blockDim = {1}, gridDim = {1};
"""


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ctypes.CDLL]:
    """``compiled(source)``: kernels that are plain C, as a library."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")

    @cache
    def make(source: str) -> ctypes.CDLL:
        folder = tmp_path_factory.mktemp("kernels")
        code, library = folder / "kernels.c", folder / "kernels.so"
        code.write_text(_PRELUDE + source.replace('extern "C" ', ""))
        command = [compiler, "-O2", "-shared", "-fPIC", "-ffp-contract=off", "-o", library, code]
        subprocess.run([*map(str, command)], check=True, capture_output=True)
        return ctypes.CDLL(str(library))

    return make


@pytest.fixture
def kernels(compiled: Callable[[str], ctypes.CDLL]) -> ctypes.CDLL:
    """The kernels of `sixteen_bit`."""
    from xpnet.lowering.cuda.sixteen_bit import SOURCE

    return compiled(SOURCE)


@pytest.fixture
def raw_kernels(
    cupy: Any, compiled: Callable[[str], ctypes.CDLL], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let CuPy's stand-in run kernels compiled as C."""

    class RawKernel:
        def __init__(self, code: str, name: str) -> None:
            self._function = getattr(compiled(code), name)
            self._function.restype = None

        def __call__(self, grid: Any, block: Any, args: Any) -> None:
            assert max(grid) <= 2**31 - 1
            assert max(block) <= 1024
            words = [a if isinstance(a, int) else a.data.ptr for a in args]
            kept = args  # until it has run
            cupy._do(lambda: kept and self._function(*map(ctypes.c_longlong, words)))

    monkeypatch.setattr(cupy, "RawKernel", RawKernel)


@pytest.fixture(scope="session")
def checked() -> dict[Any, Any]:
    """What the checks of cuBLASLt's stand-in have found, by what it was asked to do."""
    return {}


@pytest.fixture
def untried(lt: Any, checked: dict[Any, Any]) -> None:
    """Let this test's checks of the stand-in compute, even if another test has had the same."""
    checked.clear()


@pytest.fixture
def lt(cupy: Any, checked: dict[Any, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stand-in of cuBLASLt, installed; nothing tried yet.

    A check takes half a second, so what passes is checked once for all tests.
    """
    from xpnet.kernels.cuda.elements import cached_kernel
    from xpnet.lowering.cuda import cublaslt, gemm

    compute = gemm.check

    def check(cupy: Any, lt: Any, precision: str) -> list[str]:
        settings = sorted((k, repr(v)) for k, v in standin_cublaslt.SETTINGS.items())
        key = precision, int(cupy.cuda.Device().id), *settings
        if key not in checked:
            checked[key] = compute(cupy, lt, precision), lt.epilogues
        wrong, lt.epilogues = checked[key]
        return [*wrong]

    monkeypatch.setattr(gemm, "check", check)
    # Nobody reads it, and to fill 32 MB with NaN takes longer than a product.
    monkeypatch.setattr(cublaslt, "WORKSPACE", 1 << 16)
    for name, module in standin_cublaslt.modules(standin_cublaslt).items():
        monkeypatch.setitem(sys.modules, name, module)
    standin_cublaslt.CUPY = cupy
    standin_cublaslt.reset()
    gemm._tried.cache_clear()
    cached_kernel.cache_clear()
    yield standin_cublaslt
    gemm._tried.cache_clear()
    cached_kernel.cache_clear()


@pytest.fixture
def lowered(cupy: Any, lt: Any, raw_kernels: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let plans on CuPy have cuBLASLt's products, and no other kernels of their own."""
    from xpnet.backends.cuda import CupyBackend

    lt.SETTINGS["nan_hidden"] = False
    monkeypatch.setenv("XPNET_FAST", "0")
    monkeypatch.setattr(CupyBackend, "families", ("loops", "out"))
    monkeypatch.setattr(CupyBackend, "compiles", False)


@pytest.fixture
def backend(cupy: Any) -> Any:
    """CuPy's backend on the stand-in."""
    from xpnet.backends.cuda import CupyBackend

    return CupyBackend(cupy)


@pytest.fixture(scope="session")
def emulated() -> ModuleType:
    """The module that compiles CUDA kernels as C++ and runs them."""
    return emulation


@pytest.fixture(scope="session")
def collect() -> ModuleType:
    """The module that collects loops."""
    return loop_collector


@pytest.fixture(scope="session")
def zoo_cases(collect: Any) -> list[Any]:
    """Every loop of the models of `zoo`."""
    with pytest.MonkeyPatch.context() as patch:
        return [*collect.zoo_cases(zoo.ZOO, patch)]


@pytest.fixture(scope="session")
def emulated_kernels(emulated: Any) -> Callable[[Any], Any]:
    """``emulated_kernels(kernel)``: the library with a kernel, a pair of name and code.

    What was announced (``emulated_kernels.announced``) is compiled with the first one that is
    launched, because a compiler takes longer to start than for a kernel.
    """
    from xpnet.lowering.cuda.cuda_functions import PRELUDE

    libraries: dict[Any, Any] = {}
    announced: dict[str, str] = {}

    def library(kernel: tuple[str, str]) -> Any:
        if kernel not in libraries:
            name, code = kernel
            together = {**announced, name: code}
            announced.clear()
            built = emulated.built(
                PRELUDE, [(n, c.removeprefix(PRELUDE)) for n, c in together.items()]
            )
            libraries.update(dict.fromkeys(together.items(), built))
        return libraries[kernel]

    library.announced = announced
    return library


@pytest.fixture
def emulating(
    cupy: Any, emulated: Any, emulated_kernels: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    """CuPy's stand-in compiles kernels and runs them; their names, in the order of launches."""
    from xpnet.lowering.cuda import launch

    launched: list[str] = []
    failed: list[Exception] = []

    class RawKernel:
        def __init__(self, code: str, name: str, options: Any) -> None:
            self.code, self.name = code, name

        def compile(self) -> None:
            emulated_kernels.announced[self.name] = self.code

        def __call__(self, grid: Any, block: Any, args: Any) -> None:
            try:
                library = emulated_kernels((self.name, self.code))
            except Exception as error:
                failed.append(error)
                raise
            launched.append(self.name)

            def compute() -> None:
                numbers = [a.data.ptr if isinstance(a, cupy.ndarray) else a for a in args]
                emulated.run(library, self.name, grid, block[0], numbers)

            cupy._do(compute)

    monkeypatch.setattr(cupy, "RawKernel", RawKernel)
    launch.compiled.cache_clear()
    yield launched
    launch.compiled.cache_clear()
    assert not failed, "what a plan does without is no reason for a test to do so"
