"""Every CUDA source of the library compiles, for each generation of GPUs, where NVRTC is installed.

NVRTC needs no GPU. It is given no headers, as CuPy gives none of its own to such kernels.
"""

import ctypes
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, files
from typing import Any

import pytest

from xpnet.lowering.cuda import philox_cuda, sixteen_bit
from xpnet.lowering.cuda.cuda_functions import PRELUDE
from xpnet.lowering.cuda.launch import OPTIONS

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


@pytest.fixture(scope="module")
def sources(nvrtc: Any, request: pytest.FixtureRequest) -> list[str]:
    """Made only where there is NVRTC, because to collect the loops takes seconds."""
    cases = request.getfixturevalue("zoo_cases")
    found = {case.source.name: case.source.code for case in cases}
    return ["\n".join([PRELUDE, *found.values(), philox_cuda.SOURCE]), sixteen_bit.SOURCE]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_source_compiles(nvrtc: Any, sources: Any, architecture: str) -> None:
    for source in sources:
        options = (*OPTIONS, *ADDED, f"-arch={architecture}")
        result, text = compiled(nvrtc, source, options)
        assert result == 0, text


def test_an_error_is_found(nvrtc: Any) -> None:
    result, text = compiled(nvrtc, PRELUDE + "__global__ void f() { wrong(1); }", OPTIONS)
    assert result != 0
    assert 'identifier "wrong" is undefined' in text
