"""The journal's MNIST network: its scores, and the time of an epoch against handwritten NumPy.

    XPNET_DATA=... python benchmarks/journal.py [--epochs 20] [--seeds 3] [--json FILE]

784-128-10, ReLU, softmax, weights N(0, 0.01**2), biases 0, SGD 0.1, batch 128. The handwritten loop
makes the same steps and nothing else: no metrics, no checks. Epochs run in turn; the result is the
ratio of the medians. The scores need scikit-learn.
"""

from __future__ import annotations

import argparse
import json
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from common import machine
from sklearn.metrics import precision_recall_fscore_support

import xpnet as xn


def journal_model(seed: int, **settings: Any) -> xn.Model:
    """The network as the journal describes it."""
    start = xn.init.normal(0.01)
    return xn.MLP([784, 128, 10], kernel_init=start, optimizer=xn.SGD(0.1), seed=seed, **settings)


class ByHand:
    """The same network as a NumPy programmer writes it."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.w1 = rng.normal(0, 0.01, (784, 128)).astype(np.float32)
        self.w2 = rng.normal(0, 0.01, (128, 10)).astype(np.float32)
        self.b1, self.b2 = np.zeros(128, np.float32), np.zeros(10, np.float32)
        self.rng = rng

    def epoch(self, X: Any, y: Any, learning_rate: np.float32, batch: int) -> None:
        order = self.rng.permutation(len(X))
        for start in range(0, len(X), batch):
            rows = order[start : start + batch]
            x, t = X[rows], y[rows]
            h = np.maximum(x @ self.w1 + self.b1, 0)
            z = h @ self.w2 + self.b2
            p = np.exp(z - z.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            p[np.arange(len(t)), t] -= 1
            p /= np.float32(len(t))
            g = (p @ self.w2.T) * (h > 0)
            self.w2 -= learning_rate * (h.T @ p)
            self.b2 -= learning_rate * p.sum(axis=0)
            self.w1 -= learning_rate * (x.T @ g)
            self.b1 -= learning_rate * g.sum(axis=0)


def epoch_times(X: Any, y: Any, rounds: int) -> dict[str, float]:
    """Seconds per epoch of each, and their ratios to the handwritten loop."""
    hand, model, bare = ByHand(0), journal_model(0), journal_model(0, metrics=[])
    times: dict[str, list[float]] = {"by_hand": [], "xpnet": [], "xpnet_without_metrics": []}
    for _ in range(rounds + 1):
        for name, run in (
            ("by_hand", lambda: hand.epoch(X, y, np.float32(0.1), 128)),
            ("xpnet", lambda: model.fit(X, y, epochs=1, batch_size=128)),
            ("xpnet_without_metrics", lambda: bare.fit(X, y, epochs=1, batch_size=128)),
        ):
            start = perf_counter()
            run()
            times[name].append(perf_counter() - start)
    result = {name: median(values[1:]) for name, values in times.items()}
    for name in ("xpnet", "xpnet_without_metrics"):
        result[f"{name}_ratio"] = result[name] / result["by_hand"]
    return result


def scores(seed: int, data: Any, epochs: int) -> dict[str, float]:
    """Test accuracy after one epoch, and all scores after the last epoch."""
    X, y, X_test, y_test = data
    model = journal_model(seed)
    model.fit(X, y, epochs=1, batch_size=128)
    first = model.evaluate(X_test, y_test)["accuracy"]
    if epochs > 1:
        model.fit(X, y, epochs=epochs - 1, batch_size=128)
    classes = model.predict(X_test).argmax(axis=1)
    p, r, f, _ = precision_recall_fscore_support(y_test, classes, average="macro")
    accuracy = float((classes == y_test).mean())
    return {"seed": seed, "accuracy_1": first, "accuracy": accuracy, "P": p, "R": r, "F1": f}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    info, data = machine(), xn.datasets.mnist()
    print(*(f"{k}: {v}" for k, v in info.items()), sep="\n")
    times = epoch_times(data.X, data.y, options.rounds)
    print(f"\nan epoch by hand: {times['by_hand']:.3f} s")
    for name in ("xpnet", "xpnet_without_metrics"):
        print(f"an epoch of {name}: {times[name]:.3f} s, ratio {times[f'{name}_ratio']:.2f}")
    rows = [scores(seed, data, options.epochs) for seed in range(options.seeds)]
    print(f"\n| seed | accuracy, epoch 1 | accuracy, epoch {options.epochs} | P | R | F1 (macro) |")
    print("|---|---|---|---|---|---|")
    for r in rows:
        print(
            f"| {r['seed']} | {r['accuracy_1']:.4f} | {r['accuracy']:.4f} | {r['P']:.4f} | "
            f"{r['R']:.4f} | {r['F1']:.4f} |"
        )
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": info, "times": times, "scores": rows}, file, indent=1)


if __name__ == "__main__":
    main()
