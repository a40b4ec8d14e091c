"""Values that a training step reads besides its batch and the parameters."""

from dataclasses import dataclass, field
from math import inf

from xpnet.arguments import number
from xpnet.graph.value import Value
from xpnet.typing import Array, Schedule

__all__ = ["Scheduled", "StepValues"]


@dataclass(frozen=True)
class Scheduled:
    """A number that follows a schedule, such as a dropout rate.

    Attributes
    ----------
    what : str
        For error messages.
    schedule : Schedule
    below : float
        The number must be in [0, below).
    """

    what: str
    schedule: Schedule
    below: float = inf

    @property
    def varies(self) -> bool:
        """Whether it is computed in every step, not once per epoch."""
        return bool(getattr(self.schedule, "varies", False))

    def at(self, epoch: int, share: float = 0.0) -> float:
        """The number after this share of an epoch.

        Raises
        ------
        ArgumentError
            If the schedule gives another number.
        """
        found = self.schedule(epoch + share if share and self.varies else epoch)
        return number(f"{self.what} (from the schedule)", found, 0, self.below)


@dataclass(eq=False)
class StepValues:
    """The step's number, from which noise is drawn, and scheduled numbers, as far as declared.

    Attributes
    ----------
    number : Value or None
    drawn : int
        How many nodes read the number so far.
    scheduled : dict of Value to Scheduled
    """

    number: Value | None = None
    drawn: int = 0
    scheduled: dict[Value, Scheduled] = field(default_factory=dict)

    def feeds(self, number: Array, scheduled: Array) -> dict[Value, Array]:
        """An array for each value: the number, and the elements of a vector of scheduled ones."""
        found = {} if self.number is None else {self.number: number}
        return found | {value: scheduled[i, ...] for i, value in enumerate(self.scheduled)}
