"""Every CUDA source compiles without spills, for each generation of GPUs, where NVRTC is installed.

NVRTC needs no GPU. It is given no headers, as CuPy gives none of its own to such kernels.
"""

import ctypes
import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, files
from itertools import product
from typing import Any

import pytest
from support import zoo

import xpnet as xn
from xpnet.kernels.cuda import loss_scale_kernels
from xpnet.lowering.cuda import philox_cuda, sixteen_bit
from xpnet.lowering.cuda.cuda_functions import PRELUDE
from xpnet.lowering.cuda.launch import OPTIONS
from xpnet.lowering.cuda.steps import begin_source, end_source

pytestmark = pytest.mark.xdist_group("the loops of the zoo")
ARCHITECTURES = ["sm_75", "sm_80", "sm_90", "sm_100"]
# What CuPy 14 adds to the options of a kernel.
ADDED = ("-ftz=true", "--device-as-default-execution-space")


@pytest.fixture(scope="module")
def nvrtc() -> ctypes.CDLL:
    try:
        found = files("nvidia-cuda-nvrtc") or []
    except PackageNotFoundError:
        pytest.skip("NVRTC is not installed: pip install nvidia-cuda-nvrtc")
    paths = [p.locate() for p in found if p.name.startswith(("libnvrtc.so", "nvrtc64"))]
    return ctypes.CDLL(str(paths[0]))


def compiled(nvrtc: ctypes.CDLL, source: str, options: Sequence[str]) -> tuple[int, str]:
    """How compiling ends (0: well), and what the compiler says."""
    program = ctypes.c_void_p()
    assert not nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None
    )
    given = (ctypes.c_char_p * len(options))(*(o.encode() for o in options))
    result = nvrtc.nvrtcCompileProgram(program, len(options), given)
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, text)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return result, text.value.decode()


def _wide(units: int) -> Any:
    return lambda: xn.Sequential(
        xn.Dense(units), xn.LayerNorm(), xn.Dense(units, "softmax"), xn.Dense(units, "gelu")
    )


# Rows in registers: of one warp, and of a block with few and with many columns for each thread.
WIDE = [zoo.Entry(f"{n} units", _wide(n)) for n in (200, 300, 1500, 2048, 4096)]


@pytest.fixture(scope="module")
def sources(nvrtc: Any, request: pytest.FixtureRequest, collect: Any) -> dict[str, str]:
    """Made only where there is NVRTC, because to collect the loops takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        wide = [*collect.zoo_cases(WIDE, patch)]
    cases = [*request.getfixturevalue("zoo_cases"), *wide]
    found = {case.source.name: case.source.code for case in cases}
    begins = product(({}, {"float32": 0}, {"float64": 0, "float32": 1}), ((16,), (8, 4), (4, 16)))
    return {
        "loops": "\n".join([PRELUDE, *found.values(), philox_cuda.SOURCE]),
        "16-bit copies": sixteen_bit.SOURCE,
        "loss scale": loss_scale_kernels.SOURCE,
        "steps": "\n".join(
            [*(begin_source([*d], u)[1] for d, u in begins), *map(_end, ("float32", "float64"))]
        ),
    }


def _end(dtype: str) -> str:
    return end_source(dtype)[1]


# CUDA's sine needs local memory for arguments above 105,615.
_PERIODIC = re.compile(r"\b(cos|sin)f?\(")


def _good(stack: int, spilled: int, code: str) -> bool:
    """Whether a kernel has no array in local memory, and spills at most four registers.

    Such as a predicate, saved once before a loop, or what the rare cases of a division need.
    """
    if _PERIODIC.search(code):
        return stack <= 40
    return stack <= 16 and (stack == 0 or spilled > 0)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_source_compiles_and_stays_in_registers(
    nvrtc: Any, sources: Any, architecture: str
) -> None:
    """What does not fit into registers would go through memory, on which kernels wait already."""
    for name, source in sources.items():
        own = OPTIONS if name == "loops" else ()  # the others are CuPy's plain `RawKernel`
        options = (*own, *ADDED, f"-arch={architecture}", "--ptxas-options=-v")
        result, text = compiled(nvrtc, source, options)
        assert result == 0, text
        used = {k: [*map(int, n)] for k, *n in _USED.findall(text) if f" {k}(" in source}
        assert len(used) == source.count("__global__")  # and functions of CUDA's own, left out
        assert not {k: n for k, n in used.items() if not _good(*n, _code(source, k))}


# What the compiler says: a kernel's name, then the bytes of its stack and of its spills.
_USED = re.compile(r"Function properties for (\w+)\n\D*(\d+) bytes stack frame, (\d+) bytes spill")


def _code(source: str, kernel: str) -> str:
    """A kernel's own code."""
    return source.partition(f" {kernel}(")[2].partition('extern "C"')[0]


def test_local_memory_is_found(nvrtc: Any) -> None:
    source = """
    extern "C" __global__ void f(float *x, int n) {
        float a[40];
        for (int i = 0; i < 40; ++i) a[i] = x[i];
        for (int i = 0; i < n; ++i) x[i] += a[i * 7 % 40];
    }"""
    _, text = compiled(nvrtc, source, ("-arch=sm_90", "--ptxas-options=-v"))
    assert _USED.findall(text) == [("f", "160", "0")]
    assert not _good(160, 0, source)


def test_an_error_is_found(nvrtc: Any) -> None:
    result, text = compiled(nvrtc, PRELUDE + "__global__ void f() { wrong(1); }", OPTIONS)
    assert result != 0
    assert 'identifier "wrong" is undefined' in text
