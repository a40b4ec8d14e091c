"""Which BLAS computes a product: NumPy's, or MKL where it is faster.

With one thread each product goes to the library that is faster at it. With several, one library
must do them all: the threads of either wait for more work by spinning, and take the cores from the
other's. So MKL does all or none of them then, as it is faster or not at products of a usual size.

The environment variable ``XPNET_BLAS`` may settle it: ``numpy``, ``mkl``, or ``auto``, which is the
same as nothing. Libraries round differently, and near a tie the measurement may go either way:
who needs the same bits from every process sets it.
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

__all__ = ["best", "shared"]

_LONGEST = 512  # sides that are longer are measured at this length
_USUAL = (128, 512, 512)
_WAYS = ((False, False), (True, False), (False, True))  # of a layer forward and its two gradients
_BUDGET = 1e-3  # seconds, for four rounds at least


def best(
    dtype: str,
    m: int,
    n: int,
    k: int,
    transposed: tuple[bool, bool] = (False, False),
    threads: int | None = None,
) -> Gemm | None:
    """The function for a product of an (m, k) matrix and a (k, n) matrix.

    Where MKL is installed and both could do it, each is measured once a process.

    Parameters
    ----------
    dtype : {"float32", "float64"}
    m, n, k : int
    transposed : pair of bool
        Whether the first and the second matrix lie in memory by columns.
    threads : int, optional
        Threads that it will be run with; those that NumPy's BLAS has now if not given.

    Returns
    -------
    Gemm or None
        None where neither can be called directly.

    Raises
    ------
    MissingDependencyError
        If ``XPNET_BLAS`` is ``mkl`` and MKL is not installed.
    UnknownNameError
        If ``XPNET_BLAS`` is something else.
    """
    own, other, said = blas.entry(dtype), _mkl(dtype), _said()
    if own is None or other is None:
        return own or other
    if said == "auto":
        several = (threads or numpys().count) > 1
        sides = [min(side, _LONGEST) for side in (m, n, k)]
        wins = shared() if several else _faster(dtype, *sides, transposed)
        return other if wins else own
    return other


def shared() -> bool:
    """Whether MKL does all products that are run with several threads."""
    library = mkl.load() if _mkl("float32") else None
    if library is None or not library.threaded:
        return False
    return _said() == "mkl" or _faster("float32", *_USUAL, *_WAYS)


def _said() -> str:
    """What ``XPNET_BLAS`` says."""
    said, known = os.environ.get("XPNET_BLAS") or "auto", ("auto", "numpy", "mkl")
    if said not in known:
        raise UnknownNameError("BLAS in XPNET_BLAS", said, known)
    return said


def _mkl(dtype: str) -> Gemm | None:
    """MKL's function, if it may be used at all."""
    said = _said()
    found = None if said == "numpy" else mkl.entry(dtype)
    if said == "mkl" and found is None and not mkl.numpys_own():
        raise MissingDependencyError(
            "XPNET_BLAS=mkl needs the package 'mkl', which is not installed or does not work here. "
            "Install it with: pip install 'xpnet[mkl]', or set XPNET_BLAS=auto"
        )
    return found


@cache
def _faster(dtype: str, m: int, n: int, k: int, *ways: tuple[bool, bool]) -> bool:
    """Whether MKL is the faster at a product that lies in these ways, both with one thread."""
    own, other, library = blas.entry(dtype), mkl.entry(dtype), mkl.load()
    assert own is not None
    assert other is not None
    assert library is not None
    operands = [_operands(dtype, m, n, k, *way) for way in ways]
    with numpys().limited(1), library.pool.limited(1):
        turns = [[gemm.bind(*arrays) for arrays in operands] for gemm in (own, other)]
        slow, fast = _best_times(*turns)
    return fast < slow


def _operands(dtype: str, m: int, n: int, k: int, left: bool, right: bool) -> tuple[Any, Any, Any]:
    """Two matrices, each by rows or by columns, and where their product goes."""
    a = np.ones((k, m), dtype=dtype).T if left else np.ones((m, k), dtype=dtype)
    b = np.ones((n, k), dtype=dtype).T if right else np.ones((k, n), dtype=dtype)
    return a, b, np.empty((m, n), dtype=dtype)


def _best_times(*turns: list[Callable[[], None]]) -> list[float]:
    """The shortest time of each list of calls; they take turns, so that noise meets all alike."""
    times = [inf] * len(turns)
    rounds, end = 0, perf_counter() + _BUDGET
    while rounds < 4 or perf_counter() < end:
        for i, calls in enumerate(turns):
            start = perf_counter()
            for call in calls:
                call()
            times[i] = min(times[i], perf_counter() - start)
        rounds += 1
    return times
