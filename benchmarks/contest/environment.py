"""The number of threads of a process: set for every library, and enforced by the cores."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_NAMES = "OPENBLAS_NUM_THREADS MKL_NUM_THREADS OMP_NUM_THREADS VECLIB_MAXIMUM_THREADS".split()


def environment(threads: int) -> dict[str, str]:
    """Environment variables for a process with this many threads that can import these modules."""
    here = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    numbers = dict.fromkeys(_NAMES, str(threads))
    alone = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"} if threads == 1 else {}
    return {**os.environ, **numbers, **alone, "PYTHONPATH": path}


def confine(threads: int) -> bool:
    """Confine this process to as many cores as it has threads, if the system can.

    XLA starts as many threads as there are cores, whatever its flags say. Only with this limit does
    "one thread" mean the same for all libraries.
    """
    if not hasattr(os, "sched_setaffinity"):
        return False
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[-threads:])
    if "torch" in sys.modules:
        raise RuntimeError("confine a process before it imports libraries that start threads")
    return True
