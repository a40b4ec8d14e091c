"""How many threads a process may have: told to every library, and made sure of by the cores."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_NAMES = "OPENBLAS_NUM_THREADS MKL_NUM_THREADS OMP_NUM_THREADS VECLIB_MAXIMUM_THREADS".split()


def environment(threads: int) -> dict[str, str]:
    """The variables for a process with this many threads, which finds these modules."""
    here = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    numbers = dict.fromkeys(_NAMES, str(threads))
    alone = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"} if threads == 1 else {}
    return {**os.environ, **numbers, **alone, "PYTHONPATH": path}


def confine(threads: int) -> bool:
    """Leave this process as many cores as it may have threads, where the system can.

    XLA makes as many threads as there are cores whatever its flags say; by this, and by nothing
    else, "one thread" means the same for all.
    """
    if not hasattr(os, "sched_setaffinity"):
        return False
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[-threads:])
    if "torch" in sys.modules:
        raise RuntimeError("confine a process before it imports what makes threads")
    return True
