"""The part ``libraries``: the same training on CuPy, PyTorch and JAX, each in its own process.

**None of them has run on a GPU yet.**
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gpu.isolation import kill
from gpu.report import Bench, Row
from gpu.suite import environment

SECONDS = 60.0  # for all libraries together
ON_GPU = ("cupy", "torch:cuda", "jax:gpu")
ON_CPU = ("numpy", "torch:cpu", "jax:cpu")  # to check the report itself
HERE = Path(__file__).parents[1]


def libraries(bench: Bench) -> Iterator[Row]:
    """The rows of each library; the time that one does not use goes to the next."""
    on_gpu = bench.device.name == "cupy"
    names, scale = (ON_GPU, "full") if on_gpu else (ON_CPU, "tiny")
    end = bench.clock() + min(SECONDS, bench.left - 1)
    for i, name in enumerate(names):
        yield from library(name, scale, (end - bench.clock()) / (len(names) - i))


def library(name: str, scale: str, seconds: float) -> list[Row]:
    """The rows of a library's process, which is killed when its time is up."""
    command = [sys.executable, "-m", "gpu.library", name, scale]
    seconds = max(seconds, 1.0)
    with (
        tempfile.TemporaryFile("w+", errors="replace") as out,
        tempfile.TemporaryFile("w+", errors="replace") as errors,
    ):
        process = subprocess.Popen(
            command, cwd=HERE, env=environment(), stdout=out, stderr=errors, start_new_session=True
        )
        stopped = False
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            stopped = True
        finally:
            kill(process)
        out.seek(0)
        errors.seek(0)
        rows = [json.loads(line) for line in out if line.endswith("\n")]
        said = errors.read()[-4000:]
    if stopped:
        rows.append({"backend": name, "skipped": f"the rest: its {seconds:.0f} s were over"})
    elif process.returncode:
        error = f"its process ended with code {process.returncode}"
        rows.append({"backend": name, "error": error, "traceback": said})
    return rows
