"""One run, in a process of its own: `python -m tabular_contest.one METHOD SET SEED THREADS`.

The last line of its output is the result as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import warnings
from importlib import metadata
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error

from tabular_contest.methods import METHODS, Method
from tabular_contest.tables import TABLES, Data, Split, split

PREDICTIONS = 3  # timed, after one that gives the scores


def measure(method: Method, parts: Split, seed: int, threads: int) -> dict[str, Any]:
    """Scores on the test rows, seconds to train and to predict, MiB of memory."""
    estimator = method.make(parts.train, seed, threads)
    before = memory("VmRSS")
    start = perf_counter()
    estimator.fit(*parts.train)
    seconds = perf_counter() - start
    predict = estimator.predict_proba if parts.train.classes else estimator.predict
    found = scores(parts.test, parts.train.classes, predict(parts.test.X))
    times = []
    for _ in range(PREDICTIONS):
        start = perf_counter()
        predict(parts.test.X)
        times.append(perf_counter() - start)
    return {
        "scores": found,
        "train_s": seconds,
        "predict_s": median(times),
        "memory_mb": memory("VmHWM"),
        "memory_before_mb": before,
        "version": version(method.distribution),
    }


def scores(test: Data, classes: int, predicted: Any) -> dict[str, float]:
    """Accuracy and log loss of probabilities, or the root of the mean squared error."""
    predicted = np.asarray(predicted, dtype=np.float64)
    if not classes:
        return {"rmse": float(root_mean_squared_error(test.y, predicted))}
    predicted = predicted / predicted.sum(axis=1, keepdims=True)  # exact sums for log_loss
    labels = np.arange(classes)
    return {
        "accuracy": float(accuracy_score(test.y, predicted.argmax(axis=1))),
        "log_loss": float(log_loss(test.y, predicted, labels=labels)),
    }


def memory(figure: str) -> float:
    """Memory of this process in MiB: VmRSS now, VmHWM at its peak; the peak where Linux is not."""
    file = Path("/proc/self/status")
    if not file.exists():
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)
    line = next(line for line in file.read_text().splitlines() if line.startswith(figure))
    return float(line.split()[1]) / 2**10


def version(distribution: str) -> str:
    """The installed version; a checkout's own if the distribution is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return str(getattr(sys.modules.get(distribution), "__version__", "unknown"))


def main() -> None:
    method, table, seed, threads = sys.argv[1:]
    warnings.simplefilter("ignore")  # of fits that did not converge: the defaults are what counts
    data = TABLES[table].load()
    found = measure(METHODS[method], split(data, int(seed)), int(seed), int(threads))
    print(json.dumps({"rows": len(data.y), "columns": data.X.shape[1], **found}))


if __name__ == "__main__":
    main()
