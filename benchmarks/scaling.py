"""Weak scaling of distributed steps, and what they cost on larger machines.

    python benchmarks/scaling.py [--sizes 784 512 512 10] [--rows 512] [--steps 40] [--json FILE]

Each process takes `rows` samples of a step. One process and two are timed in turn, one thread each;
then a model of the cost tells from how many rows for each process the sum of the gradients takes
less than half of a step. Its constants are measured here, except the network's bandwidth.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from math import ceil, log2
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

_FLAGS = ["--oversubscribe", "--mca", "mpi_yield_when_idle", "1"]
_LATENCY = 5e-6  # seconds of a message between machines: usual for InfiniBand, not measured here


def child(options: argparse.Namespace) -> None:
    """Time steps of this process among all; process 0 prints them."""
    import numpy as np
    from mpi4py import MPI

    import xpnet as xn
    from xpnet.parallel.mpi import MpiGroup

    comm, sums = MPI.COMM_WORLD, [0.0]
    rows, before = options.rows * comm.size, MpiGroup.sum

    def timed(self: Any, vector: Any) -> None:
        start = perf_counter()
        before(self, vector)
        sums[0] += perf_counter() - start

    MpiGroup.sum = timed  # type: ignore[method-assign]
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows * options.steps, options.sizes[0])).astype("float32")
    y = rng.integers(options.sizes[-1], size=len(X))
    model = xn.MLP(options.sizes)
    settings: dict[str, Any] = {"batch_size": rows, "threads": 1, "verbose": False}
    settings |= {"distributed": True, "steps_per_execution": 1}
    model.fit(X, y, epochs=1, **settings)
    sums[0] = 0.0
    seconds = median(model.fit(X, y, epochs=3, **settings)["seconds"]) / options.steps
    update = model.engine.update
    start = perf_counter()
    for _ in range(20):
        update.run(0.0)
    found = {
        "processes": comm.size,
        "step": seconds,
        "sum": sums[0] / (3 * options.steps),
        "update": (perf_counter() - start) / 20,
        "numbers": int(model.engine.state.gradient.shape[0]),
    }
    if comm.rank == 0:
        print(json.dumps(found))


def measured(processes: int, options: argparse.Namespace) -> dict[str, Any]:
    """The times of a run."""
    own = ["--child", "--sizes", *map(str, options.sizes), "--rows", str(options.rows)]
    own += ["--steps", str(options.steps)]
    program = [sys.executable, "-m", "mpi4py", str(Path(__file__)), *own]
    names = "OPENBLAS_NUM_THREADS", "XPNET_NUM_THREADS"
    root = "OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"
    environment = {**os.environ, **dict.fromkeys((*names, *root), "1")}
    line = ["mpiexec", "-n", str(processes), *_FLAGS, *program]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def break_even(one: dict[str, Any], rows: int) -> list[dict[str, float]]:
    """From how many rows for each process a sum takes less than half of a step.

    A ring of P processes sends 2 (P - 1) / P of the vector from each, in 2 log2 P latencies at
    least; rows take the time of this machine's, less the update.
    """
    each, update = (one["step"] - one["update"]) / rows, one["update"]
    table = []
    for processes in (64, 1024):
        for gigabits in (10, 100, 400):
            sent = 4 * one["numbers"] * 2 * (processes - 1) / processes
            seconds = sent / (gigabits * 1.25e8) + 2 * log2(processes) * _LATENCY
            least = max(1, ceil((seconds - update) / each))
            table.append({"processes": processes, "Gb/s": gigabits, "sum": seconds, "rows": least})
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[784, 512, 512, 10])
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options)
        return
    runs = [measured(n, options) for _ in range(options.rounds) for n in (1, 2)]
    numbers = "step", "sum", "update", "numbers"
    by_count = {n: [run for run in runs if run["processes"] == n] for n in (1, 2)}
    one, two = ({k: median(run[k] for run in by_count[n]) for k in numbers} for n in (1, 2))
    result = {
        "sizes": options.sizes,
        "rows of each process": options.rows,
        "one": one,
        "two": two,
        "weak scaling": one["step"] / two["step"],
        "outside the sum": (two["step"] - two["sum"]) / one["step"],
        "model": break_even(one, options.rows),
    }
    text = json.dumps(result, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
