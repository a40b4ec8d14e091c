"""What the bits of results on a CPU depend on, besides the program and its data."""

import platform
from functools import cache
from pathlib import Path

import numpy as np

from xpnet.lowering.cpu import best_blas, blas, mkl
from xpnet.lowering.cpu.pool import numpys

__all__ = ["conditions"]


def conditions(compiles: bool) -> dict[str, str | int]:
    """The libraries, their threads and the processor; `compiles` if LLVM compiles steps."""
    found: dict[str, str | int] = {
        "NumPy": np.__version__,
        "BLAS": _blas(),
        "threads of the BLAS": numpys().count,
        "processor": _processor(),
        "compiled by": _compiler() if compiles else "nothing",
    }
    return {**found, "MKL": _mkl()} if compiles else found


def _blas() -> str:
    return "; ".join(" ".join(blas.version(library).split()) for library in blas.libraries())


def _mkl() -> str:
    """MKL's version, if products are MKL's by the rule of `best_blas`, or all of them are."""
    chosen = best_blas.said()
    if chosen == "numpy" or (chosen == "auto" and not best_blas.intel()):
        return "no"
    other = mkl.entry("float32")
    if other is None:
        return "no"
    version = " ".join(other.library.split())
    return f"{version}, for {'all' if chosen == 'mkl' else 'wide'} products"


def _compiler() -> str:
    from llvmlite import binding

    return "LLVM " + ".".join(map(str, binding.llvm_version_info))


@cache
def _processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
