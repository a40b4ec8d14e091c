"""Which BLAS computes a product: NumPy's, or MKL if it is faster.

With one thread, each product goes to the faster library. A product on several threads is NumPy's:
MKL has one thread here, see `mkl`.

The environment variable ``XPNET_BLAS`` decides: ``numpy``, ``mkl``, or ``auto`` (the default).
Libraries round differently, and near a tie the measurement may go either way. Set the variable to
get the same bits from every process.
"""

import os
from collections.abc import Callable
from functools import cache
from math import inf
from time import perf_counter
from typing import Any

import numpy as np

from xpnet.errors import MissingDependencyError, UnknownNameError
from xpnet.lowering.cpu import blas, mkl
from xpnet.lowering.cpu.blas import Gemm
from xpnet.lowering.cpu.pool import numpys

__all__ = ["best"]

_LONGEST = 512  # longer sides are measured at this length
_BUDGET = 1e-3  # seconds, for at least four rounds


def best(
    dtype: str,
    m: int,
    n: int,
    k: int,
    transposed: tuple[bool, bool] = (False, False),
    threads: int | None = None,
) -> Gemm | None:
    """The function for a product of an (m, k) matrix and a (k, n) matrix.

    If MKL is installed and both can do it, they are measured once per process.

    Parameters
    ----------
    dtype : {"float32", "float64"}
    m, n, k : int
    transposed : pair of bool
        Whether the first and the second matrix are stored by columns.
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
    own, other, said = blas.entry(dtype), _mkl(dtype), _said()
    if own is None or other is None:
        return own or other
    if said == "auto":
        if (threads or numpys().count) > 1:
            return own
        sides = [min(side, _LONGEST) for side in (m, n, k)]
        return other if _faster(dtype, *sides, transposed) else own
    return other


def _said() -> str:
    """The setting ``XPNET_BLAS``."""
    said, known = os.environ.get("XPNET_BLAS") or "auto", ("auto", "numpy", "mkl")
    if said not in known:
        raise UnknownNameError("BLAS in XPNET_BLAS", said, known)
    return said


def _mkl(dtype: str) -> Gemm | None:
    """MKL's function, if it may be used."""
    said = _said()
    found = None if said == "numpy" else mkl.entry(dtype)
    if said == "mkl" and found is None and not mkl.numpys_own():
        raise MissingDependencyError(
            "XPNET_BLAS=mkl needs the package 'mkl', which is not installed or does not work here. "
            "Install it with: pip install 'xpnet[mkl]', or set XPNET_BLAS=auto"
        )
    return found


@cache
def _faster(dtype: str, m: int, n: int, k: int, transposed: tuple[bool, bool]) -> bool:
    """Whether MKL is faster at a product of these layouts, both with one thread."""
    own, other = blas.entry(dtype), mkl.entry(dtype)
    assert own is not None
    assert other is not None
    arrays = _operands(dtype, m, n, k, *transposed)
    calls = [_bound(gemm, *arrays) for gemm in (own, other)]
    with numpys().turn(1):
        slow, fast = _best_times(*calls)
    return fast < slow


def _bound(gemm: Gemm, a: Any, b: Any, out: Any) -> Callable[[], None]:
    """The product as a step calls it: as matrix times vector if it is one."""
    if out.shape[0] == 1:
        return gemm.bind_vector(b.T, a[0], out[0])
    if out.shape[1] == 1:
        return gemm.bind_vector(a, b[:, 0], out[:, 0])
    return gemm.bind(a, b, out)


def _operands(dtype: str, m: int, n: int, k: int, left: bool, right: bool) -> tuple[Any, Any, Any]:
    """Two matrices, each by rows or by columns, and memory for their product."""
    a = np.ones((k, m), dtype=dtype).T if left else np.ones((m, k), dtype=dtype)
    b = np.ones((n, k), dtype=dtype).T if right else np.ones((k, n), dtype=dtype)
    return a, b, np.empty((m, n), dtype=dtype)


def _best_times(*calls: Callable[[], None]) -> list[float]:
    """The shortest time of each call. They alternate, so that noise affects all alike."""
    times = [inf] * len(calls)
    rounds, end = 0, perf_counter() + _BUDGET
    while rounds < 4 or perf_counter() < end:
        for i, call in enumerate(calls):
            start = perf_counter()
            call()
            times[i] = min(times[i], perf_counter() - start)
        rounds += 1
    return times
