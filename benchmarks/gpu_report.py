"""Check in one command whether xpnet is correct on this machine's GPU, and how fast it is.

    python benchmarks/gpu_report.py --out DIR [--only PART,PART] [--budget 520]

It runs the GPU tests, compares training with NumPy's, and measures kernels, matrix products, steps
and MNIST. It measures xpnet on CuPy, PyTorch and JAX, and PyTorch and JAX by themselves. It writes
``report.json`` (after every measurement), ``report.md``, ``tests.xml`` and pictures to DIR, at most
eight files. The parts are probe, tests, parity, kernels, gemm, steps, epoch, crossover, libraries
and peers. `docs/gpu.md` says how to read the report. Nothing has been measured on a GPU yet.

The exit code is 0 on success, 1 if a part failed or a result was wrong, and 2 if there is no GPU or
the command line is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

# Set before JAX is imported: it would take three quarters of the GPU's memory.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

from common import machine
from gpu import plots, tables
from gpu.cases import FULL, TINY
from gpu.crossover import crossover
from gpu.device import Cuda, Device, Host
from gpu.epoch import epoch
from gpu.gemm import gemm
from gpu.isolation import isolated
from gpu.kernels import kernels
from gpu.libraries import libraries
from gpu.parity import parity
from gpu.peers import peers
from gpu.probe import probe
from gpu.report import Bench, Part, Report, describe, run_parts
from gpu.steps import steps
from gpu.suite import tests

from xpnet.errors import BackendUnavailableError

# Each part with its weight: time that a part does not use goes to the following ones, and compiling
# the peers can use any amount.
PARTS: dict[str, tuple[Part, float]] = {
    "probe": (probe, 2),
    "tests": (tests, 6),
    "parity": (parity, 3),
    "kernels": (kernels, 1.5),
    "gemm": (gemm, 2),
    "steps": (steps, 4),
    "epoch": (epoch, 2),
    "crossover": (crossover, 2),
    "libraries": (libraries, 3),
    "peers": (peers, 10),
}


def options(arguments: list[str] | None) -> argparse.Namespace:
    """The command-line options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    parser.add_argument("--only", metavar="PARTS", help=f"some of {','.join(PARTS)}")
    parser.add_argument("--budget", type=float, default=520, metavar="SECONDS")
    # "numpy" checks the report itself at tiny sizes; its figures are not measurements.
    parser.add_argument(
        "--backend", choices=["cupy", "numpy"], default="cupy", help=argparse.SUPPRESS
    )
    # The report starts itself with this for one part.
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    given.parts = given.only.split(",") if given.only else list(PARTS)
    unknown = sorted(set(given.parts) - set(PARTS))
    if unknown:
        parser.error(f"unknown part {', '.join(unknown)}; the parts are {', '.join(PARTS)}")
    if not 0 < given.budget < float("inf"):
        parser.error(f"--budget must be a number of seconds greater than 0, got {given.budget:g}")
    return given


def environment(device: Device) -> dict[str, Any]:
    """The environment that every figure of the report depends on."""
    threads = {k: v for k, v in os.environ.items() if k.endswith("_NUM_THREADS")}
    return {
        **device.describe(),
        **machine(),
        "threads set by": ", ".join(f"{k}={v}" for k, v in threads.items()) or "nothing",
        "clock": device.clock,
        "CUPY_TF32": os.environ.get("CUPY_TF32", "not set"),
    }


def write(report: Report) -> None:
    """Write tables and pictures of the report so far; an error here must not lose the figures."""
    try:
        tables.write(report.data, report.folder)
        plots.write(report.data, report.folder)
    except Exception as error:
        report.data["not written"] = describe(error)
        report.save()


def whole(given: argparse.Namespace, device: Device) -> Report:
    """Run the parts one after another, each in its own process."""
    report = Report.new(given.out, environment(device), given.budget)

    def run(name: str, seconds: float) -> None:
        command = [sys.executable, __file__, "--out", str(given.out), "--backend", device.name]
        isolated(report, name, seconds, [*command, "--part", name, "--budget", str(seconds)])
        write(report)

    wanted = {name: weight for name, (_, weight) in PARTS.items() if name in given.parts}
    run_parts(report, wanted, run)
    write(report)
    print((given.out / "report.md").read_text(encoding="utf-8"))
    return report


def one(given: argparse.Namespace, device: Device) -> Report:
    """Run one part of a report that another process started."""
    report = Report.load(given.out)
    scale = TINY if device.name == "numpy" else FULL
    report.run(given.part, PARTS[given.part][0], Bench(device, scale, report), given.budget)
    return report


def main(arguments: list[str] | None = None) -> int:
    given = options(arguments)
    try:
        device = Host() if given.backend == "numpy" else Cuda()
    except BackendUnavailableError as error:
        print(f"There is no GPU to report on: {error}", file=sys.stderr)
        return 2
    report = one(given, device) if given.part else whole(given, device)
    if report.bad:
        print(f"NOT GOOD: {', '.join(report.bad)}", file=sys.stderr)
    return 1 if report.bad else 0


if __name__ == "__main__":
    sys.exit(main())
