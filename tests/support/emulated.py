"""CUDA kernels compiled as C++ and run on a CPU, see ``emulator.hpp``."""

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).parent
_RUN = """
extern "C" void run_{0}(const unsigned *grid, unsigned threads, bool backwards, void **arguments) {{
    emulator::arguments = arguments;
    emulator::launch(grid, threads, backwards, [] {{ emulator::call({0}); }});
}}
"""


def built(prelude: str, kernels: Iterable[tuple[str, str]]) -> ctypes.CDLL:
    """A library of kernels, each a name and its code."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler to run CUDA kernels on the CPU with")
    parts = [f'#include "{HERE / "emulator.hpp"}"', prelude]
    for name, code in kernels:
        parts += [code, _RUN.format(name)]
    folder = Path(tempfile.mkdtemp())
    source, library = folder / "kernels.cpp", folder / "kernels.so"
    source.write_text("\n".join(parts))
    options = "-std=c++17 -O0 -ffp-contract=off -fPIC -shared -w".split()
    try:
        subprocess.run([compiler, *options, "-o", library, source], check=True)
        return ctypes.CDLL(str(library))
    finally:
        shutil.rmtree(folder)


def run(
    library: ctypes.CDLL,
    name: str,
    grid: tuple[int, ...],
    threads: int,
    numbers: Iterable[Any],
    backwards: bool = False,
) -> None:
    """Launch a kernel; `numbers` are addresses and numbers in their own types."""
    kept = [np.asarray(n, None if isinstance(n, np.generic) else "int64") for n in numbers]
    pointers = (ctypes.c_void_p * len(kept))(*(n.ctypes.data for n in kept))
    function = getattr(library, f"run_{name}")
    function.restype = None
    sizes = (ctypes.c_uint * 2)(*grid, *[1] * (2 - len(grid)))
    function(sizes, ctypes.c_uint(threads), ctypes.c_bool(backwards), pointers)
