"""Keras 3: `fit` and `predict` with its defaults, on the library that KERAS_BACKEND names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from contest.task import BETA1, BETA2, EPSILON, MOMENTUM, Task, need

CHUNK = 1024  # rows of a batch of predictions, as in xpnet; the default of 32 is slower


def network(task: Task) -> Any:
    """The task's network with its weights, without a softmax at the end."""
    keras = need("keras")
    last = len(task.layers) - 1
    layers = [
        keras.layers.Dense(w.shape[1], activation="relu" if i < last else None)
        for i, (w, _) in enumerate(task.layers)
    ]
    model = keras.Sequential([keras.Input((task.units[0],)), *layers])
    model.set_weights([array for layer in task.layers for array in layer])
    return model


def optimizer(task: Task) -> Any:
    """The task's optimizer."""
    optimizers = need("keras").optimizers
    if task.optimizer == "Adam":
        return optimizers.Adam(task.learning_rate, BETA1, BETA2, EPSILON)
    return optimizers.SGD(
        task.learning_rate, momentum=MOMENTUM if task.optimizer == "momentum" else 0.0
    )


class Keras:
    """Fits of some epochs on NumPy arrays, as in Keras's tutorials."""

    def __init__(self, task: Task, epochs: int) -> None:
        self._task, self._epochs, self.steps = task, epochs, epochs * task.batches
        self._model = network(task)
        loss = need("keras").losses.SparseCategoricalCrossentropy(from_logits=True)
        self._model.compile(optimizer=optimizer(task), loss=loss)

    def run(self) -> None:
        self._fit(self._task, self._epochs, shuffle=True)

    def _fit(self, task: Task, epochs: int, shuffle: bool) -> Any:
        settings = {"epochs": epochs, "batch_size": task.batch, "shuffle": shuffle, "verbose": 0}
        return self._model.fit(task.X, task.y, **settings)

    def finish(self) -> None:
        return  # the losses of the last epoch have been read

    def mean_loss(self, steps: int) -> float:
        return float(self._fit(self._task.first(steps), 1, shuffle=False).history["loss"][-1])


def predictor(task: Task, X: Any) -> Callable[[], Any]:
    """Logits from `predict`."""
    model = network(task)
    return lambda: np.asarray(model.predict(X, batch_size=CHUNK, verbose=0))
