"""Run a script in several processes under MPI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["Done", "command", "environment", "needed", "run"]

Done = subprocess.CompletedProcess

# As root, and with more processes than cores, as in a container.
_FLAGS = ("--oversubscribe", "--mca", "mpi_yield_when_idle", "1")


def needed() -> None:
    """Skip the test without mpi4py or without an MPI."""
    pytest.importorskip("mpi4py", reason="the extra 'mpi' is not installed")
    if shutil.which("mpiexec") is None:
        pytest.skip("there is no mpiexec: install the extra 'mpi-wheel', or an MPI")


def environment() -> dict[str, str]:
    """The environment of the processes: one thread each, and leave to run as root."""
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "XPNET_NUM_THREADS"), "1")
    root = dict.fromkeys(("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"), "1")
    return {**os.environ, **one, **root}


def command(processes: int, script: Path, *arguments: str) -> list[str]:
    """The command line that runs a script in so many processes."""
    program = [sys.executable, "-m", "mpi4py", str(script), *arguments]
    version = subprocess.run(["mpiexec", "--version"], capture_output=True, text=True, check=False)
    flags = _FLAGS if "Open MPI" in version.stdout else ()
    return ["mpiexec", "-n", str(processes), *flags, *program]


def run(processes: int, script: Path, *arguments: str) -> Done:
    """Run a script in so many processes, for at most two minutes."""
    needed()
    return subprocess.run(
        command(processes, script, *arguments),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
