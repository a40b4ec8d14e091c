"""MKL, where the ``mkl`` package is installed: loaded once, by its path.

It is never loaded where NumPy computes with it already. Its threads are those of Intel's OpenMP, on
Linux alone: elsewhere other packages bring that library too, and two of them end the process.
"""

import ctypes
import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from xpnet.lowering.cpu import blas
from xpnet.lowering.cpu.pool import Pool, numpys

__all__ = ["Library", "entry", "load", "numpys_own"]

_INTEL, _SEQUENTIAL = 0, 1  # MKL_THREADING_INTEL, MKL_THREADING_SEQUENTIAL (mkl_service.h)


@dataclass(frozen=True)
class Library:
    """MKL in this process: its functions, its threads, and whether it can use several."""

    handle: Any
    pool: Pool
    threaded: bool


def numpys_own() -> bool:
    """Whether NumPy itself computes with MKL."""
    return any("Math Kernel Library" in blas.version(own) for own in blas.libraries())


def installed(package: str, pattern: str) -> Path | None:
    """The file of an installed package whose name matches a pattern; None if there is none."""
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        return None
    found = (Path(str(f.locate())).resolve() for f in files if re.fullmatch(pattern, f.name))
    return next(filter(Path.exists, found), None)


@cache
def load() -> Library | None:
    """MKL with as many threads as NumPy's BLAS has; None where it is not installed.

    Where NumPy's BLAS has one thread when this is first called, MKL has one for good: what it is
    made of is settled by its first call.
    """
    path = installed("mkl", r"libmkl_rt\.so\.\d+|mkl_rt\.\d+\.dll")
    if path is None or numpys_own():
        return None
    openmp, count = installed("intel-openmp", r"libiomp5\.so"), numpys().count
    threaded = count > 1 and sys.platform == "linux" and openmp is not None
    if threaded:
        ctypes.CDLL(str(openmp))  # a missing part would end the process when MKL looks for it
    handle = ctypes.CDLL(str(path))
    handle.MKL_Set_Threading_Layer(_INTEL if threaded else _SEQUENTIAL)
    handle.MKL_Set_Num_Threads(count)
    pool = Pool(handle.MKL_Get_Max_Threads, handle.MKL_Set_Num_Threads)
    return Library(handle, pool, threaded)


@cache
def entry(dtype: str) -> blas.Gemm | None:
    """MKL's ``cblas_sgemm`` or ``cblas_dgemm``; None where there is none or it is not right."""
    library = load()
    gemm = library and blas.find(library.handle, dtype)
    return gemm if gemm and blas.right(gemm) else None
