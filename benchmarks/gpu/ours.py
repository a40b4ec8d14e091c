"""xpnet's steps: by `Model.fit`, as users run them, and call by call without a graph."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from common import Size, step_on
from contest.task import Task

import xpnet as xn
from gpu.cases import model_of, start_of
from gpu.device import Device


@lru_cache(maxsize=1)
def task_of(size: Size, steps: int) -> Task:
    """The weights and data of a size, the same for all libraries."""
    X, y = size.data(size.batch * steps)
    start = start_of(size)
    names = [f"layers.{2 * i}" for i in range(len(size.units) - 1)]
    layers = [(start[f"{n}.weight"], start[f"{n}.bias"]) for n in names]
    return Task(layers, X, y, size.batch, size.optimizer)


class EpochClock(xn.Callback):
    """Measures the time of the last epoch."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def on_epoch_begin(self, model: Any, epoch: int) -> None:
        self._start = self._device.mark()

    def on_epoch_end(self, model: Any, epoch: int, logs: dict[str, float]) -> None:
        self.seconds = self._device.between(self._start, self._device.mark())


class Ours:
    """A model that trains on data on the device.

    Attributes
    ----------
    log : list of str
        xpnet's log messages during training, such as why a step was not captured.
    """

    def __init__(self, device: Device, size: Size, precision: str, task: Task) -> None:
        self._device, self._size, self._precision = device, size, precision
        self._X, self._y, self._steps = device.array(task.X), device.array(task.y), task.batches
        self.model, self.log = self._model(), []

    def _model(self) -> Any:
        return model_of(self._size, self._device.name, self._precision)

    def _fit(self, model: Any, X: Any, y: Any, epochs: int, **settings: Any) -> Any:
        with logged() as lines:
            history = model.fit(
                X, y, epochs=epochs, batch_size=self._size.batch, verbose=False, **settings
            )
        self.log = sorted({*self.log, *lines})
        return history

    def seconds(self) -> float:
        """Seconds per step in the second of two epochs by `fit`; the first captures the graphs.

        The time includes shuffling and checks.
        """
        clock = EpochClock(self._device)
        self._fit(self.model, self._X, self._y, 2, callbacks=[clock])
        return clock.seconds / self._steps

    def mean_loss(self, steps: int) -> float:
        """The mean loss of the first steps, in order, of a separate model."""
        rows = steps * self._size.batch
        history = self._fit(self._model(), self._X[:rows], self._y[:rows], 1, shuffle=False)
        return float(history["loss"][-1])

    def eager(self) -> tuple[Callable[[], Any], Any]:
        """A function that makes one step call by call, without a graph; and its backend."""
        model = self._model()
        return step_on(model, self._X, self._y, self._size.batch), model.network.backend


@contextmanager
def logged() -> Iterator[list[str]]:
    """The lines that xpnet logs in the body."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger, handler = logging.getLogger("xpnet"), Keep()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
