"""One training step against the matrix products that it contains.

    OPENBLAS_NUM_THREADS=1 python benchmarks/step.py [--rounds 200] [--json FILE]

The two are timed in turn, round by round, so that a machine whose speed drifts slows both; the
ratio of the medians is the result. ``step`` is what `Model.fit` does for each batch (gather,
forward, backward, update), ``train_on_batch`` is the public call with all its checks of the data.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

from common import SIZES, Size, machine, products, public_step, step


def timed(run: Callable[[], Any], repeats: int) -> float:
    """Seconds a call, over some calls."""
    start = perf_counter()
    for _ in range(repeats):
        run()
    return (perf_counter() - start) / repeats


def measure(size: Size, rounds: int) -> dict[str, Any]:
    """Medians of the floor, the step and the public call, in microseconds."""
    model = size.model()
    runs: dict[str, Callable[[], Any]] = {
        "products": products(size),
        "step": step(model, size),
        "train_on_batch": public_step(model, size),
    }
    for run in runs.values():
        timed(run, 3)
    repeats = max(1, round(0.003 / timed(runs["step"], 3)))
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(timed(run, repeats))
    middle = {name: median(values) * 1e6 for name, values in times.items()}
    row: dict[str, Any] = {"size": size.name, "rounds": rounds, "repeats": repeats}
    row.update({f"{name}_us": round(value, 2) for name, value in middle.items()})
    row["step_ratio"] = round(middle["step"] / middle["products"], 3)
    row["train_on_batch_ratio"] = round(middle["train_on_batch"] / middle["products"], 3)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    info = machine()
    print(*(f"{k}: {v}" for k, v in info.items()), sep="\n")
    rows = [measure(size, options.rounds) for size in SIZES]
    print("\n| size | products, us | step, us | ratio | train_on_batch, us | ratio |")
    print("|---|---|---|---|---|---|")
    for r in rows:
        print(
            f"| {r['size']} | {r['products_us']:.1f} | {r['step_us']:.1f} | "
            f"{r['step_ratio']:.2f} | {r['train_on_batch_us']:.1f} | "
            f"{r['train_on_batch_ratio']:.2f} |"
        )
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": info, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
