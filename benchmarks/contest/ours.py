"""xpnet's variants: single steps as in `fit`, whole epochs by `fit`, predictions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import cycle
from typing import Any

import numpy as np
from common import Size, step_on

from contest.task import Stepper, Task
from xpnet.backends.cpu import NumpyBackend
from xpnet.engine.entry import accept
from xpnet.training.fit import FitSettings, make_loop


@dataclass(frozen=True)
class Variant:
    """The optional packages that xpnet uses: compiled loops, another BLAS.

    ``XPNET_BLAS`` is read when calls are compiled. So each call that may compile runs within the
    variant's `settings`.
    """

    compiles: bool
    blas: str = "numpy"

    def backend(self) -> NumpyBackend:
        return NumpyBackend(compiles=self.compiles)

    @contextmanager
    def settings(self) -> Iterator[None]:
        """The environment with the variant's variable set."""
        before = os.environ.get("XPNET_BLAS")
        os.environ["XPNET_BLAS"] = self.blas
        try:
            yield
        finally:
            del os.environ["XPNET_BLAS"]
            if before is not None:
                os.environ["XPNET_BLAS"] = before


def variants() -> dict[str, Variant]:
    """The variants by name; variants with missing packages are left out."""
    found = {"xpnet": Variant(compiles=False)}
    if _installed("llvmlite"):
        found["xpnet[fast]"] = Variant(compiles=True)
        if _installed("mkl"):
            found["xpnet[fast,mkl]"] = Variant(compiles=True, blas="auto")
    return found


def best_variant() -> Variant:
    """The last variant."""
    return list(variants().values())[-1]


def _installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def loop_of(model: Any, X: Any, y: Any, **settings: Any) -> Any:
    """The loop that `fit` would run."""
    usual = {"accumulate": 1, "steps_per_execution": None, "threads": None, "shuffle": True}
    engine, data = accept(model.config, model.engine, X, y)
    given = FitSettings.of(**{**usual, "callbacks": None, **settings})
    return make_loop(model, engine, data, None, model.chunk, given)


def model_of(task: Task, variant: Variant, metrics: Any) -> Any:
    """A model with the task's weights."""
    size = Size(task.units, task.batch, task.optimizer)
    model = size.model(variant.backend(), metrics=metrics).build()
    assert model.engine.backend.compiles == variant.compiles
    state = {}
    for i, (w, b) in enumerate(task.layers):
        state |= {f"layers.{2 * i}.weight": w, f"layers.{2 * i}.bias": b}
    model.load_state_dict(state)
    return model


class Step(Stepper):
    """Single steps; by default without a metric, as in the other libraries' loops."""

    def __init__(self, task: Task, variant: Variant, metrics: Any = ()) -> None:
        rows = task.batches * task.batch
        with variant.settings():
            self._model = model_of(task, variant, metrics)
            self.run = step_on(self._model, task.X[:rows], task.y[:rows], task.batch)
        self._variant = variant

    def step(self) -> Any:
        with self._variant.settings():  # the first step plans the update
            self.run()
        return self._model.batch_loss


class TrainOnBatch(Stepper):
    """The public single step, with all its checks of the data."""

    def __init__(self, task: Task) -> None:
        self._variant = best_variant()
        with self._variant.settings():
            self._model = model_of(task, self._variant, ())
        self._parts = cycle([(task.X[rows], task.y[rows]) for rows in task.indices()])

    def step(self) -> Any:
        with self._variant.settings():
            return self._model.train_on_batch(*next(self._parts))

    def run(self) -> None:
        self._model.train_on_batch(*next(self._parts))


class Fit:
    """An epoch by `Model.fit`: the steps, with all its checks and records."""

    def __init__(self, task: Task, variant: Variant, metrics: Any = ()) -> None:
        self._task, self._variant, self.steps = task, variant, task.batches
        with variant.settings():
            self._model = model_of(task, variant, metrics)

    def run(self) -> None:
        self._fit(self.steps, shuffle=True)

    def _fit(self, steps: int, shuffle: bool) -> Any:
        rows, batch = steps * self._task.batch, self._task.batch
        X, y = self._task.X[:rows], self._task.y[:rows]
        with self._variant.settings():
            return self._model.fit(X, y, epochs=1, batch_size=batch, shuffle=shuffle, verbose=False)

    def finish(self) -> None:
        return

    def mean_loss(self, steps: int) -> float:
        return float(self._fit(steps, shuffle=False)["loss"][-1])


class Together(Fit):
    """Steps as `fit` makes them, many in a call, without what an epoch adds."""

    def __init__(self, task: Task, variant: Variant) -> None:
        super().__init__(task, variant, ())
        self.steps = task.batches - 1  # an epoch makes its first step by itself
        self._program: Any = None

    def run(self) -> None:
        if self._program is None:
            with self._variant.settings():
                self._program = self._compiled()
        self._program.begin(1, self._model.engine.state.updates)
        self._program.run(self.steps)

    def _compiled(self) -> Any:
        """The program of the steps, with its data and coefficients."""
        settings = {"epochs": 1, "batch_size": self._task.batch, "verbose": False}
        loop = loop_of(self._model, self._task.X, self._task.y, **settings)
        self._loop, steps = loop, loop._steps
        steps._bound(steps.batches.window(1))
        update = self._model.engine.update
        rate = self._model.engine.learning_rate()
        steps._order[:] = np.random.default_rng(0).permutation(len(self._task.X))
        steps._tables[0][1:] = update.ahead([rate] * self.steps)
        return steps._program


class Best(Fit):
    """The fastest installed variant."""

    def __init__(self, task: Task) -> None:
        super().__init__(task, best_variant())


def predictor(task: Task, X: Any, variant: Variant) -> Callable[[], Any]:
    """Logits by the public call, with its checks of the data."""
    with variant.settings():
        model = model_of(task, variant, None)
        model.predict(X)
    return lambda: model.predict(X)
