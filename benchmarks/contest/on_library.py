"""xpnet on any array library, with data that are already arrays of that library."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

from common import Size

import xpnet as xn
from contest.task import Absent, Stepper, Task
from xpnet.backends import Backend
from xpnet.errors import BackendUnavailableError


def backend_of(wanted: str | Backend) -> Backend:
    """The backend, or `Absent` if it cannot run here."""
    try:
        return xn.backends.get(wanted)
    except BackendUnavailableError as error:
        raise Absent(str(error)) from error


def model_of(task: Task, backend: Backend, metrics: Any = ()) -> Any:
    """A model with the task's weights; by default without metrics."""
    size = Size(task.units, task.batch, task.optimizer)
    model = size.model(backend, metrics=metrics).build()
    state = {}
    for i, (w, b) in enumerate(task.layers):
        state |= {f"layers.{2 * i}.weight": w, f"layers.{2 * i}.bias": b}
    model.load_state_dict(state)
    return model


def waited(backend: Backend, result: Any) -> Any:
    """The result, once it has been computed."""
    wait = getattr(result, "block_until_ready", None)
    if wait is not None:
        wait()
    backend.synchronize()
    return result


class Fit:
    """Whole fits of some epochs, with all their checks and records."""

    def __init__(self, task: Task, wanted: str | Backend, epochs: int) -> None:
        self._batch, self._epochs, self._batches = task.batch, epochs, task.batches
        self.steps = epochs * task.batches
        self._backend = backend_of(wanted)
        self._X, self._y = map(self._backend.asarray, (task.X, task.y))
        self._model = model_of(task, self._backend)

    def run(self) -> None:
        self._fit(self._X, self._y, self._epochs, shuffle=True)

    def _fit(self, X: Any, y: Any, epochs: int, shuffle: bool) -> Any:
        settings = {"epochs": epochs, "batch_size": self._batch, "shuffle": shuffle}
        return self._model.fit(X, y, verbose=False, **settings)

    def finish(self) -> None:
        self._backend.synchronize()

    def mean_loss(self, steps: int) -> float:
        X, y, rows = self._X, self._y, steps * self._batch
        if steps < self._batches:
            X, y = X[:rows, :], y[:rows]
        return float(self._fit(X, y, 1, shuffle=False)["loss"][-1])


class TrainOnBatch(Stepper):
    """The public single step."""

    def __init__(self, task: Task, wanted: str | Backend) -> None:
        self._backend = backend_of(wanted)
        self._model, self._loss = model_of(task, self._backend), None
        parts = [(task.X[rows], task.y[rows]) for rows in task.indices()]
        self._parts = cycle([tuple(map(self._backend.asarray, part)) for part in parts])

    def step(self) -> Any:
        self._loss = self._model.train_on_batch(*next(self._parts))
        return self._loss

    def finish(self) -> None:
        waited(self._backend, self._loss)


def predictor(task: Task, X: Any, wanted: str | Backend) -> Callable[[], Any]:
    """Logits from the public call, once they have been computed."""
    backend = backend_of(wanted)
    model, x = model_of(task, backend, None), backend.asarray(X)
    return lambda: waited(backend, model.predict(x))
