"""The floor, and the network as a NumPy programmer writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from contest.task import BETA1, BETA2, EPSILON, MOMENTUM, Stepper, Task


class ByHand(Stepper):
    """Forward, backward and update as in a textbook: new arrays, one update per parameter."""

    def __init__(self, task: Task) -> None:
        self._task, self._turns = task, task.turns()
        self._params = [p.copy() for layer in task.layers for p in layer]
        self._m = [np.zeros_like(p) for p in self._params]
        self._v = [np.zeros_like(p) for p in self._params]
        self._count = 0

    def step(self) -> Any:
        rows = next(self._turns)
        x, t = self._task.X[rows], self._task.y[rows]
        loss, grads = self._gradients(x, t)
        self._count += 1
        update = getattr(self, f"_{self._task.optimizer.lower()}")
        for i, g in enumerate(grads):
            update(i, g, np.float32(self._task.learning_rate))
        return loss

    def _gradients(self, x: Any, t: Any) -> tuple[Any, list[Any]]:
        weights, biases = self._params[::2], self._params[1::2]
        seen = [x]
        for w, b in zip(weights[:-1], biases, strict=False):
            seen.append(np.maximum(seen[-1] @ w + b, 0))
        z = seen[-1] @ weights[-1] + biases[-1]
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z)
        total = p.sum(axis=1, keepdims=True)
        row = np.arange(len(t))
        loss = np.mean(np.log(total[:, 0]) - z[row, t])
        g = p / total
        g[row, t] -= 1
        g /= np.float32(len(t))
        grads: list[Any] = []
        for layer in reversed(range(len(weights))):
            grads = [seen[layer].T @ g, g.sum(axis=0), *grads]
            if layer:
                g = (g @ weights[layer].T) * (seen[layer] > 0)
        return loss, grads

    def _sgd(self, i: int, g: Any, learning_rate: Any) -> None:
        self._params[i] -= learning_rate * g

    def _momentum(self, i: int, g: Any, learning_rate: Any) -> None:
        self._m[i] *= np.float32(MOMENTUM)
        self._m[i] += g
        self._params[i] -= learning_rate * self._m[i]

    def _adam(self, i: int, g: Any, learning_rate: Any) -> None:
        m, v = self._m[i], self._v[i]
        m += np.float32(1 - BETA1) * (g - m)
        v += np.float32(1 - BETA2) * (g * g - v)
        first, second = 1 - BETA1**self._count, 1 - BETA2**self._count
        root = np.sqrt(v / np.float32(second))
        root += np.float32(EPSILON)
        self._params[i] -= np.float32(learning_rate / first) * m / root


def predictor(task: Task, X: Any) -> Callable[[], Any]:
    """Logits of the rows, layer by layer."""

    def run() -> Any:
        x = X
        for w, b in task.layers[:-1]:
            x = np.maximum(x @ w + b, 0)
        w, b = task.layers[-1]
        return x @ w + b

    return run


def bare_products(task: Task, X: Any) -> Callable[[], Any]:
    """Only the matrix products of a prediction, into existing memory: its floor."""
    memory = [np.empty((len(X), w.shape[1]), w.dtype) for w, _ in task.layers]

    def run() -> Any:
        x = X
        for (w, _), out in zip(task.layers, memory, strict=True):
            x = np.matmul(x, w, out=out)
        return x

    return run
