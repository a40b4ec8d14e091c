"""xpnet's estimators against scikit-learn's: test scores with the same hyperparameters.

    XPNET_DATA=... python benchmarks/accuracy.py [--seeds 5] [--only digits,...] [--json FILE]

Both libraries fit each task with random_state 0, 1, ... The results are the mean and standard
deviation of the test scores (accuracy, or R2), and the number of seeds for which xpnet's score is
at least as good. Splits are fixed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import sklearn
from common import machine
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import xpnet as xn

Split = tuple[Any, Any, Any, Any]
DATA = Path(os.environ.get("XPNET_DATA", ""))


def digits() -> Split:
    X, y, X_test, y_test = xn.datasets.digits()
    return X, X_test, y, y_test


def mnist() -> Split:
    X, y, X_test, y_test = xn.datasets.mnist()
    return X.reshape(len(X), -1), X_test.reshape(len(X_test), -1), y, y_test


def housing() -> Split:
    table = np.loadtxt(DATA / "california-housing" / "cal_housing.csv", delimiter=",", skiprows=1)
    return tuple(train_test_split(table[:, :-1], table[:, -1] / 1e5, random_state=0))


def wine() -> Split:
    folder = DATA / "wine-quality"
    tables = [
        np.genfromtxt(folder / f"winequality-{kind}.csv", delimiter=";", skip_header=1)
        for kind in ("red", "white")
    ]
    table = np.vstack(tables)
    return tuple(train_test_split(table[:, :-1], table[:, -1], random_state=0))


def adult() -> Split:
    """Rows of numbers and text; labels in the test file end in a period."""
    parts = []
    for name in ("adult.data.gz", "adult.test.gz"):
        with gzip.open(DATA / "adult" / name, "rt") as lines:
            cells = [[c.strip() for c in line.strip().split(",")] for line in lines]
        rows = [row for row in cells if len(row) == 15]
        X = np.array([row[:-1] for row in rows], dtype=object)
        X[:, NUMBERS] = X[:, NUMBERS].astype(float)
        parts.append((X, np.array([row[-1].rstrip(".") for row in rows])))
    (X, y), (X_test, y_test) = parts
    return X, X_test, y, y_test


NUMBERS = [0, 2, 4, 10, 11, 12]
TEXTS = [i for i in range(14) if i not in NUMBERS]


def mixed(model: Any) -> Any:
    encode = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_pipeline(
        make_column_transformer((StandardScaler(), NUMBERS), (encode, TEXTS)), model
    )


def scaled(model: Any) -> Any:
    return make_pipeline(StandardScaler(), model)


def scaled_both(model: Any) -> Any:
    return TransformedTargetRegressor(scaled(model), transformer=StandardScaler())


CLASSIFIERS = (xn.MLPClassifier, MLPClassifier)
REGRESSORS = (xn.MLPRegressor, MLPRegressor)
WIDE = {"hidden_layer_sizes": (100, 100), "max_iter": 10}
STOP = {"early_stopping": True, "max_iter": 100}
SGD = {"solver": "sgd", "learning_rate_init": 0.2, "momentum": 0.9}
TASKS: dict[str, tuple[Callable[[], Split], Any, Any, dict[str, Any]]] = {
    "digits": (digits, CLASSIFIERS, scaled, {}),
    "mnist adam": (mnist, CLASSIFIERS, lambda model: model, WIDE),
    "mnist sgd": (mnist, CLASSIFIERS, lambda model: model, {**WIDE, **SGD}),
    "housing": (housing, REGRESSORS, scaled_both, {"hidden_layer_sizes": (64, 64), **STOP}),
    "wine": (wine, REGRESSORS, scaled_both, {"hidden_layer_sizes": (32,), **STOP}),
    "adult": (adult, CLASSIFIERS, mixed, {"hidden_layer_sizes": (32,), **STOP}),
}


def measure(name: str, seeds: int) -> dict[str, Any]:
    """Test scores of both for each seed, and the total time of the fits."""
    load, kinds, wrap, settings = TASKS[name]
    X, X_test, y, y_test = load()
    scores: dict[str, list[float]] = {"xpnet": [], "scikit-learn": []}
    seconds = dict.fromkeys(scores, 0.0)
    for seed in range(seeds):
        for library, kind in zip(scores, kinds, strict=True):
            model = wrap(kind(random_state=seed, **settings))
            start = perf_counter()
            model.fit(X, y)
            seconds[library] += perf_counter() - start
            scores[library].append(float(model.score(X_test, y_test)))
    return {"task": name, "settings": str(settings), "scores": scores, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default=",".join(TASKS))
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    info = {**machine(), "scikit-learn": sklearn.__version__}
    print("| task | xpnet | scikit-learn | at least as good | fits, s: xpnet, scikit-learn |")
    print("|---|---|---|---|---|")
    rows = []
    for name in options.only.split(","):
        row = measure(name, options.seeds)
        rows.append(row)
        ours, theirs = (np.array(s) for s in row["scores"].values())
        shown = [f"{s.mean():.4f} +- {s.std(ddof=1):.4f}" for s in (ours, theirs)]
        times = ", ".join(f"{s:.1f}" for s in row["seconds"].values())
        good = f"{int((ours >= theirs).sum())} of {len(ours)}"
        print(f"| {name} | {shown[0]} | {shown[1]} | {good} | {times} |", flush=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": info, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
