"""MKL, if the ``mkl`` package is installed: loaded once, by its path, with one thread.

It is never loaded if NumPy already uses it. With several threads (Intel's OpenMP, MKL 2026.2), it
occasionally computed wrong products in a process with PyTorch, and its waiting threads took the
cores from NumPy's. So products on several threads are left to NumPy's BLAS.
"""

import ctypes
import re
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from xpnet.lowering.cpu import blas

__all__ = ["entry", "load", "numpys_own"]

_SEQUENTIAL = 1  # MKL_THREADING_SEQUENTIAL (mkl_service.h)


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
def load() -> Any:
    """MKL's library; None if it is not installed, or NumPy uses it."""
    path = installed("mkl", r"libmkl_rt\.so\.\d+|mkl_rt\.\d+\.dll")
    if path is None or numpys_own():
        return None
    library = ctypes.CDLL(str(path))
    library.MKL_Set_Threading_Layer(_SEQUENTIAL)  # fixed by the first call of any function
    return library


@cache
def entry(dtype: str) -> blas.Gemm | None:
    """MKL's ``cblas_sgemm`` or ``cblas_dgemm``; None if there is none, or its results are wrong."""
    library = load()
    gemm = blas.find(library, dtype) if library is not None else None
    return gemm if gemm is not None and blas.right(gemm) else None
