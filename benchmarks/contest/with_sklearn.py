"""scikit-learn: epochs by ``fit``, because it has no single step apart from a whole fit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from contest.task import BETA1, BETA2, EPSILON, MOMENTUM, Task, need


def estimator(task: Task) -> Any:
    """An MLPClassifier that starts from the task's weights; each call of ``fit`` is an epoch."""
    neural = need("sklearn.neural_network")
    adam = task.optimizer == "Adam"
    model = neural.MLPClassifier(
        task.units[1:-1],
        solver="adam" if adam else "sgd",
        alpha=0.0,
        batch_size=task.batch,
        learning_rate_init=task.learning_rate,
        max_iter=1,
        random_state=0,
        warm_start=True,
        momentum=MOMENTUM if task.optimizer == "momentum" else 0.0,
        nesterovs_momentum=False,
        beta_1=BETA1,
        beta_2=BETA2,
        epsilon=EPSILON,
    )
    classes = np.arange(task.units[-1])
    rows = np.resize(classes, max(task.batch, len(classes)))
    _fit(model, np.zeros((len(rows), task.units[0]), np.float32), rows)  # creates its arrays
    for i, (w, b) in enumerate(task.layers):
        model.coefs_[i], model.intercepts_[i] = w.copy(), b.copy()
    return model


def _fit(model: Any, X: Any, y: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning that one epoch does not converge
        model.fit(X, y)


class Sklearn:
    """One epoch per run. Each resets the optimizer, which costs only zeroing its arrays."""

    def __init__(self, task: Task) -> None:
        self._task, self.steps = task, task.batches
        self._model = estimator(task)

    def run(self) -> None:
        rows = self.steps * self._task.batch
        _fit(self._model, self._task.X[:rows], self._task.y[:rows])

    def finish(self) -> None:
        return

    def mean_loss(self, steps: int) -> float:
        rows = steps * self._task.batch
        self._model.set_params(shuffle=False)
        _fit(self._model, self._task.X[:rows], self._task.y[:rows])
        self._model.set_params(shuffle=True)
        return float(self._model.loss_)


def predictor(task: Task, X: Any) -> Callable[[], Any]:
    """Classes: scikit-learn does not return logits."""
    model = estimator(task)
    return lambda: model.predict(X)
