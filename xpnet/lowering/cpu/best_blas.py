"""Which BLAS computes a product: NumPy's, or MKL where that is usually faster.

The choice is a rule, not a measurement, because the libraries round differently: the same program
has the same bits in every process on the same kind of processor. On Intel's processors, MKL
computes products on one thread whose sides are all at least 16. NumPy's BLAS computes all others:
narrow products, in which OpenBLAS takes a third to two thirds of MKL's time; products on several
threads, since MKL has one here, see `mkl`; and all products on other makers' processors, where
MKL was at most 10 % faster, and often slower.

The environment variable ``XPNET_BLAS`` decides: ``numpy``, ``mkl``, or ``auto`` (the default).
"""

import os
import platform
from functools import cache
from pathlib import Path

from xpnet.errors import MissingDependencyError, UnknownNameError
from xpnet.lowering.cpu import blas, mkl
from xpnet.lowering.cpu.blas import Gemm
from xpnet.lowering.cpu.pool import numpys

__all__ = ["best", "intel", "said"]

_NARROW = 16  # a side below this is narrow


def best(dtype: str, m: int, n: int, k: int, threads: int | None = None) -> Gemm | None:
    """The function for a product of an (m, k) matrix and a (k, n) matrix.

    Parameters
    ----------
    dtype : {"float32", "float64"}
    m, n, k : int
    threads : int, optional
        Threads that the product will use; by default those of NumPy's BLAS now.

    Returns
    -------
    Gemm or None
        None if neither can be called directly.

    Raises
    ------
    MissingDependencyError
        If ``XPNET_BLAS`` is ``mkl`` and MKL is not installed.
    UnknownNameError
        If ``XPNET_BLAS`` has another value.
    """
    own, other = blas.entry(dtype), _mkl(dtype)
    if own is None or other is None:
        return own or other
    if said() == "auto":
        wide = min(m, n, k) >= _NARROW
        return other if wide and intel() and (threads or numpys().count) == 1 else own
    return other


@cache
def intel() -> bool:
    """Whether Intel made this processor."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # Windows: "Intel64 Family 6 Model 142 Stepping 10, GenuineIntel"
        text = platform.processor()
    return "GenuineIntel" in text


def said() -> str:
    """The setting ``XPNET_BLAS``."""
    chosen, known = os.environ.get("XPNET_BLAS") or "auto", ("auto", "numpy", "mkl")
    if chosen not in known:
        raise UnknownNameError("BLAS in XPNET_BLAS", chosen, known)
    return chosen


def _mkl(dtype: str) -> Gemm | None:
    """MKL's function, if it may be used."""
    wanted = said()
    found = None if wanted == "numpy" else mkl.entry(dtype)
    if wanted == "mkl" and found is None and not mkl.numpys_own():
        raise MissingDependencyError(
            "XPNET_BLAS=mkl needs the package 'mkl', which is not installed or does not work here. "
            "Install it with: pip install 'xpnet[mkl]', or set XPNET_BLAS=auto"
        )
    return found
