"""Training on sparse inputs: the time and the memory of a step, beside scikit-learn's.

    OPENBLAS_NUM_THREADS=1 python benchmarks/sparse_steps.py [--rounds 20] [--json FILE]

Batches have 128 rows of 100,000 columns, of which 10 in each row are not 0. The network has one
hidden layer of 64 units (ReLU) and 10 classes, in float32: its first weight takes 25.6 MB, and a
dense batch would take 51.2 MB. Candidates are xpnet's `Model.train_on_batch`, xpnet's estimator and
scikit-learn's `MLPClassifier`, both by `partial_fit`, with the same settings and without a penalty.
They make their steps in turn, round by round; the results are medians. `SGD` is without momentum:
xpnet then changes only the rows of the weight that belong to the batch's columns. All others, and
scikit-learn always, change the whole weight.

The memory is the most that Python and NumPy hold at once in a new model's first two steps, the
model's own weights included, as `tracemalloc` counts it.
"""

from __future__ import annotations

import argparse
import json
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import numpy as np
from common import machine
from scipy import sparse
from sklearn.neural_network import MLPClassifier
from timing import Run, by_turns

import xpnet as xn

ROWS, COLUMNS, FILLED, UNITS, CLASSES = 128, 100_000, 10, 64, 10
RATE = 0.01
SOLVERS = {"SGD": ("sgd", 0.0), "momentum": ("sgd", 0.9), "Adam": ("adam", 0.9)}
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "SGD": lambda: xn.SGD(RATE),
    "momentum": lambda: xn.SGD(RATE, momentum=0.9),
    "Adam": lambda: xn.Adam(RATE),
}
Step = Callable[[], Any]


def batches(count: int) -> list[tuple[Any, Any]]:
    """Batches of random columns, all of the same size."""
    rng, ends = np.random.default_rng(0), np.arange(ROWS + 1) * FILLED
    found = []
    for _ in range(count):
        columns = rng.integers(0, COLUMNS, ROWS * FILLED)
        numbers = rng.random(ROWS * FILLED, dtype="float32")
        x = sparse.csr_matrix((numbers, columns, ends), shape=(ROWS, COLUMNS))
        found.append((x, rng.integers(0, CLASSES, ROWS)))
    return found


def model_step(optimizer: str, given: Iterator[tuple[Any, Any]]) -> Step:
    """A step of `xpnet.Model`."""
    net = xn.Sequential(xn.Dense(UNITS, "relu"), xn.Dense(CLASSES))
    model = xn.Model(net, optimizer=OPTIMIZERS[optimizer](), metrics=())
    return lambda: model.train_on_batch(*next(given))


def estimator_step(kind: Any, optimizer: str, given: Iterator[tuple[Any, Any]]) -> Step:
    """A step of an estimator."""
    solver, momentum = SOLVERS[optimizer]
    made = kind(
        (UNITS,), solver=solver, momentum=momentum, nesterovs_momentum=False, alpha=0.0,
        batch_size=ROWS, learning_rate_init=RATE, random_state=0,
    )  # fmt: skip
    return lambda: made.partial_fit(*next(given), classes=np.arange(CLASSES))


MAKERS: dict[str, Callable[[str, Iterator[tuple[Any, Any]]], Step]] = {
    "xpnet, Model": model_step,
    "xpnet, estimator": lambda *given: estimator_step(xn.MLPClassifier, *given),
    "scikit-learn": lambda *given: estimator_step(MLPClassifier, *given),
}


def times(optimizer: str, rounds: int, steps: int) -> dict[str, float]:
    """Milliseconds per step."""
    made = {name: make(optimizer, cycle(batches(8))) for name, make in MAKERS.items()}

    def many(step: Step) -> Step:
        return lambda: [step() for _ in range(steps)]

    runs = {name: Run(many(step), steps=steps) for name, step in made.items()}
    for run in runs.values():
        run.call()
    return {
        name: 1e3 * float(np.median(found.seconds))
        for name, found in by_turns(runs, rounds).items()
    }


def peak(make: Callable[..., Step], optimizer: str) -> float:
    """Megabytes held at once in two steps of a new model."""
    given = cycle(batches(2))
    tracemalloc.start()
    try:
        step = make(optimizer, given)
        step()
        step()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def main() -> None:
    """Measure, print a table, write the numbers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=5, help="per round")
    parser.add_argument("--json", help="a file for the numbers")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    found: dict[str, Any] = {"machine": machine(), "ms per step": {}, "MB": {}}
    print(f"{ROWS} x {COLUMNS:,}, {FILLED} of a row not 0, {UNITS} units, float32")
    for optimizer in OPTIMIZERS:
        found["ms per step"][optimizer] = taken = times(optimizer, options.rounds, options.steps)
        found["MB"][optimizer] = held = {n: peak(make, optimizer) for n, make in MAKERS.items()}
        for name in MAKERS:
            print(f"{optimizer:9} {name:17} {taken[name]:7.2f} ms {held[name]:7.0f} MB")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
