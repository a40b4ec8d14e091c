"""Tasks of machine code, and how threads share them.

A *task* is the address of a function with one argument, and that argument: the address of a row of
64-bit numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Layout", "Stage", "Task"]


@dataclass(eq=False)
class Task:
    """A function's address and its numbers; the last numbers are addresses of arrays."""

    address: int
    numbers: Any
    pointers: Any  # a view of the numbers that are addresses
    arrays: list[Any]  # the arrays that they point to

    @classmethod
    def of(
        cls, address: int, numbers: Sequence[int], pointers: Sequence[int], arrays: list[Any]
    ) -> "Task":
        """A task with these numbers, followed by these addresses."""
        row = np.array([*numbers, *pointers], dtype=np.int64)
        return cls(address, row, row[len(numbers) :], arrays)

    def copy(self) -> "Task":
        """The same task with its own copy of the numbers."""
        return self.moved(self.numbers[:0], 0)

    def moved(self, numbers: Any, by: Any) -> "Task":
        """The same function with other first numbers, and addresses moved by some bytes."""
        kept = self.numbers[len(numbers) : len(self.numbers) - len(self.pointers)]
        row = np.concatenate([numbers, kept, self.pointers + by], dtype=np.int64)
        return Task(self.address, row, row[len(numbers) :], self.arrays)


@dataclass
class Stage:
    """What each thread does, and what one thread does afterwards."""

    parts: list[list[Task]]
    tail: list[Task] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """A program for several threads: what one thread does first, and the stages."""

    parts: int
    head: list[Task]
    stages: list[Stage]

    @property
    def tasks(self) -> list[Task]:
        """All tasks."""
        found = [*self.head]
        for stage in self.stages:
            found += [*(task for part in stage.parts for task in part), *stage.tail]
        return found

    def copy(self) -> "Layout":
        """The same layout of copied tasks."""
        stages = [
            Stage([_copies(part) for part in stage.parts], _copies(stage.tail))
            for stage in self.stages
        ]
        return Layout(self.parts, _copies(self.head), stages)


def _copies(tasks: Sequence[Task]) -> list[Task]:
    return [task.copy() for task in tasks]
