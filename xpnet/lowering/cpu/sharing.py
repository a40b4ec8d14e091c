"""How threads share work: which bytes each of them reads and writes.

Threads share an array by *units*, such as the rows of a batch: each thread has a run of the `count`
units. Two accesses to the same bytes need no synchronization in between if they share the same
units, because then each thread touches only its own.
"""

from collections.abc import Callable
from dataclasses import dataclass

from xpnet.lowering.cpu.tasks import Task

__all__ = ["Access", "Item", "Lone", "bounds"]

_ROUND = 16  # elements; fills the vector registers of a product's inner loop


def bounds(count: int, parts: int) -> list[int]:
    """Where each thread's units begin, and where the last ones end."""
    step = 1
    while step < _ROUND and count >= 64 * step * parts:
        step *= 2
    return [*(round(count * i / parts / step) * step for i in range(parts)), count]


@dataclass(frozen=True, slots=True)
class Access:
    """Bytes that a loop or product reads or writes.

    `unit` is the distance between units in bytes; 0 if threads do not share the array by units.
    """

    low: int
    high: int
    unit: int
    count: int
    writes: bool

    def meets(self, other: "Access") -> bool:
        """Whether the order of the two matters."""
        return (self.writes or other.writes) and self.low < other.high and other.low < self.high

    def fits(self, other: "Access") -> bool:
        """Whether each thread touches only its own bytes in both."""
        if not self.unit or (self.unit, self.count) != (other.unit, other.count):
            return False
        ends = (a.high - (a.count - 1) * a.unit for a in (self, other))
        return max(ends) - min(self.low, other.low) <= self.unit


class Item:
    """Something to compute.

    Attributes
    ----------
    shared : list of Access or None
        What it accesses if threads share it; None if they cannot.
    """

    shared: list[Access] | None = None

    def whole(self) -> list[Access]:
        """What it accesses if one thread runs it."""
        return [Access(a.low, a.high, 0, 0, a.writes) for a in self.shared or []]

    def task(self) -> Task:
        """The task of one thread that runs all of it."""
        raise NotImplementedError

    def alone(self) -> list[Task]:
        """The same, as several tasks if one is not enough."""
        return [self.task()]

    def tasks(self, parts: int) -> list[list[Task]]:
        """The tasks of each thread."""
        raise NotImplementedError


class Lone(Item):
    """A task that one thread runs."""

    def __init__(self, task: Callable[[], Task], accesses: list[Access]) -> None:
        self._task, self._accesses = task, accesses

    def whole(self) -> list[Access]:
        return self._accesses

    def task(self) -> Task:
        return self._task()
