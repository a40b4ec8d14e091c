"""The task that all players share, and the interface that each player has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from itertools import cycle
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np

# The learning rate and the other settings of the three optimizers.
RATES = {"SGD": 0.01, "momentum": 0.01, "Adam": 0.001}
MOMENTUM, BETA1, BETA2, EPSILON = 0.9, 0.9, 0.999, 1e-8


class Absent(Exception):
    """A library cannot take part; the message gives the reason."""


def need(module: str) -> ModuleType:
    """Import a library, or raise `Absent` if it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise Absent(f"not installed ({error})") from error


@dataclass(frozen=True)
class Task:
    """A network with its initial weights, an optimizer, and data in batches.

    Attributes
    ----------
    layers : list of (weight, bias)
        Weights have the shape (in, out); ReLU is between the layers, softmax at the end.
    """

    layers: list[tuple[Any, Any]]
    X: Any
    y: Any
    batch: int
    optimizer: str

    @property
    def batches(self) -> int:
        """The number of full batches in the data."""
        return len(self.X) // self.batch

    @property
    def learning_rate(self) -> float:
        return RATES[self.optimizer]

    @property
    def units(self) -> tuple[int, ...]:
        return (self.layers[0][0].shape[0], *(w.shape[1] for w, _ in self.layers))

    def first(self, batches: int) -> Task:
        """The same task with only its first batches."""
        rows = batches * self.batch
        return Task(self.layers, self.X[:rows], self.y[:rows], self.batch, self.optimizer)

    def indices(self) -> list[Any]:
        """The rows of each batch."""
        return list(np.arange(self.batches * self.batch).reshape(self.batches, self.batch))

    def turns(self, convert: Callable[[Any], Any] = lambda index: index) -> Any:
        """The rows of batch after batch, endlessly; each is converted once."""
        return cycle([convert(index) for index in self.indices()])

    def save(self, path: Path) -> None:
        """Write the task to an archive, for another process."""
        arrays = {f"w{i}": w for i, (w, _) in enumerate(self.layers)}
        arrays |= {f"b{i}": b for i, (_, b) in enumerate(self.layers)}
        np.savez(path, X=self.X, y=self.y, batch=self.batch, optimizer=self.optimizer, **arrays)

    @classmethod
    def load(cls, path: Path) -> Task:
        """Read what `save` wrote."""
        with np.load(path) as file:
            count = sum(name.startswith("w") for name in file)
            layers = [(file[f"w{i}"], file[f"b{i}"]) for i in range(count)]
            return cls(layers, file["X"], file["y"], int(file["batch"]), str(file["optimizer"]))


class Player(Protocol):
    """A library that performs a task.

    Attributes
    ----------
    steps : int
        Steps that `run` makes: 1, or an epoch if the library has no public single step.
    """

    steps: int

    def run(self) -> None:
        """Make the next step or epoch."""

    def finish(self) -> None:
        """Wait until the work that `run` started is done."""

    def mean_loss(self, steps: int) -> float:
        """Make steps on the first batches, in order; return the mean of their losses."""


class Stepper:
    """A player of single steps; subclasses define `step`, which returns the loss."""

    steps = 1

    def step(self) -> Any:
        raise NotImplementedError

    def run(self) -> None:
        self.step()

    def finish(self) -> None:
        return

    def mean_loss(self, steps: int) -> float:
        return sum(float(self.step()) for _ in range(steps)) / steps
