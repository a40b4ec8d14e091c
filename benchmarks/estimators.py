"""xpnet's estimators against scikit-learn's: times of fit and predict, in one run, in turn.

    OPENBLAS_NUM_THREADS=2 XPNET_DATA=... python benchmarks/estimators.py [--rounds 5] [--json FILE]

Both get the same data and dtype, hyperparameters and random_state. They take turns, round by round.
The results are medians and their ratio. Before anything is timed, both must have similar scores.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import sklearn
from common import machine
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

import xpnet as xn

KINDS = {"xpnet": xn.MLPClassifier, "scikit-learn": MLPClassifier}


@dataclass(frozen=True)
class Task:
    """Data, hyperparameters, and the number of repetitions per round."""

    name: str
    data: Callable[[], tuple[Any, Any]]
    settings: dict[str, Any]
    predicted: int | None = None  # rows; None times the fit
    repeats: int = 1


def digits() -> tuple[Any, Any]:
    X, y, _, _ = xn.datasets.digits()
    return X, y


def mnist() -> tuple[Any, Any]:
    X, y, _, _ = xn.datasets.mnist()
    return X.reshape(len(X), -1), y


WIDE = {"hidden_layer_sizes": (100, 100), "batch_size": 200, "max_iter": 10, "random_state": 0}
TASKS = [
    Task("fit, MNIST (100, 100), Adam, batch 200, 10 epochs", mnist, WIDE),
    Task("fit, digits, defaults", digits, {"random_state": 0}),
    Task("predict 1 row, digits, defaults", digits, {"random_state": 0}, 1, 200),
    Task("predict 10,000 rows, MNIST (100, 100)", mnist, {**WIDE, "max_iter": 1}, 10_000),
]


def timed(run: Callable[[], Any], repeats: int) -> float:
    start = perf_counter()
    for _ in range(repeats):
        run()
    return (perf_counter() - start) / repeats


def runs_of(task: Task) -> dict[str, Callable[[], Any]]:
    """The timed function of each library, after a check that the scores are similar."""
    X, y = task.data()
    made = {name: kind(**task.settings) for name, kind in KINDS.items()}
    if task.predicted is None:
        return {name: lambda m=model: m.fit(X, y) for name, model in made.items()}
    fitted = {name: model.fit(X, y) for name, model in made.items()}
    scores = [model.score(X[:5000], y[:5000]) for model in fitted.values()]
    assert np.ptp(scores) < 0.03, scores
    rows = X[: task.predicted]
    return {name: lambda m=model: m.predict(rows) for name, model in fitted.items()}


def measure(task: Task, rounds: int) -> dict[str, Any]:
    """Medians in seconds, and the ratio of scikit-learn's to xpnet's."""
    runs = runs_of(task)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for round_ in range(rounds + (task.predicted is not None)):
        for name, run in runs.items():
            seconds = timed(run, task.repeats)
            if round_ or task.predicted is None:
                times[name].append(seconds)
    middle = {name: median(values) for name, values in times.items()}
    ratios = [b / a for a, b in zip(times["xpnet"], times["scikit-learn"], strict=True)]
    return {
        "task": task.name,
        "rounds": rounds,
        "seconds": middle,
        "ratio": middle["scikit-learn"] / middle["xpnet"],
        "ratio of the rounds": [min(ratios), max(ratios)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    info = {**machine(), "scikit-learn": sklearn.__version__}
    print(*(f"{k}: {v}" for k, v in info.items()), sep="\n")
    print("\n| | xpnet | scikit-learn | ratio | of the rounds |")
    print("|---|---|---|---|---|")
    rows = []
    for task in TASKS:
        row = measure(task, options.rounds)
        rows.append(row)
        low, high = row["ratio of the rounds"]
        ours, theirs = (f"{1e3 * s:.3g} ms" for s in row["seconds"].values())
        print(f"| {task.name} | {ours} | {theirs} | {row['ratio']:.2f} | {low:.2f}-{high:.2f} |")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": info, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
