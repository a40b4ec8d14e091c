"""How many threads share a program; the user, the cores and the amount of work limit it.

The limit is, in this order: the argument ``threads`` of a fit; the environment variable
``XPNET_NUM_THREADS``; the cores that this process may use (its affinity, and the quota of its
container), or fewer if NumPy's BLAS has fewer threads (by ``OPENBLAS_NUM_THREADS``, threadpoolctl,
or in the workers of joblib and dask).
"""

import ctypes
import os
import sys
from functools import cache
from logging import getLogger
from math import ceil
from pathlib import Path

from xpnet.arguments import count
from xpnet.errors import ArgumentError
from xpnet.lowering.cpu.pool import numpys

__all__ = ["MOST", "allowed", "available", "cores", "shares", "wanted"]

MOST = 64  # as `lowering.MOST_THREADS`
_ROWS = 16  # the fewest rows of a batch per thread
_FLOPS = 1e7  # the least work per thread: about 100 us of matrix products


@cache
def available() -> bool:
    """Whether threads can wait for each other here, as with POSIX threads."""
    if sys.platform == "win32":
        return False
    return hasattr(ctypes.CDLL(None), "pthread_cond_wait")


def cores() -> int:
    """The cores that this process may use now."""
    if hasattr(os, "sched_getaffinity"):
        found = len(os.sched_getaffinity(0))
    else:
        found = os.cpu_count() or 1
    return max(1, ceil(min(found, _quota())))


@cache
def _quota() -> float:
    """The cores that the process's container may use at once, from Linux's control groups."""
    root = Path("/sys/fs/cgroup")
    for files in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        try:
            words = " ".join((root / file).read_text() for file in files).split()
            quota, period = (int(word) for word in words)
        except (OSError, ValueError):  # no quota, or "max"
            continue
        if quota > 0 and period > 0:
            return quota / period
    return float("inf")


def allowed(threads: int | None = None) -> int:
    """The largest number of threads, for an argument ``threads`` or None.

    Raises
    ------
    ArgumentError
        If ``threads`` or ``XPNET_NUM_THREADS`` is not a whole number from 1 to 64.
    """
    threads = wanted(threads)
    if threads is None:
        return min(cores(), numpys().count) if available() else 1
    threads = count("threads", threads, 1, MOST + 1)
    if not available():
        return 1
    if threads > cores():
        _say_more(threads, cores())
    return threads


def wanted(threads: int | None) -> int | None:
    """The argument ``threads``, or else ``XPNET_NUM_THREADS``; None if neither is given."""
    if threads is not None:
        return threads
    text = os.environ.get("XPNET_NUM_THREADS", "").strip()
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise ArgumentError(
            f"XPNET_NUM_THREADS must be a whole number from 1 to {MOST}, got {text!r}."
        )
    return int(text)


@cache
def _say_more(threads: int, have: int) -> None:
    getLogger("xpnet").info(
        "%d threads on %d core%s: they take turns, which is slower than one per core",
        *(threads, have, "" if have == 1 else "s"),
    )


def shares(limit: int, rows: int, flops: float) -> int:
    """How many of the allowed threads share a batch, so that each has enough rows and work."""
    return max(1, min(limit, rows // _ROWS, int(min(flops / _FLOPS, MOST))))
