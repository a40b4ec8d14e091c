"""What a training step reads besides its batch and the parameters, as arrays."""

from collections.abc import Sequence

from xpnet.backends import Backend
from xpnet.engine.host_numbers import HostNumbers
from xpnet.graph import Scheduled, StepValues, Value
from xpnet.typing import Array

__all__ = ["StepInputs"]


class StepInputs:
    """The step's number and the numbers that follow schedules, for all programs of a network.

    Attributes
    ----------
    number : 0-d array
        The number of the step, from which a plan draws dropout and noise.
    scheduled : HostNumbers
        The numbers that follow schedules.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend, self._kinds = backend, list[Scheduled]()
        self.number = backend.counter(0)
        self.scheduled = HostNumbers(backend, 0, backend.widest)

    @property
    def kinds(self) -> Sequence[Scheduled]:
        """What the scheduled numbers are."""
        return self._kinds

    def declare(self, values: StepValues) -> dict[Value, Array]:
        """The arrays of these values; every training step of a network has the same."""
        if values.scheduled and not self._kinds:
            self._kinds = [*values.scheduled.values()]
            self.scheduled = HostNumbers(self._backend, len(self._kinds), self._backend.widest)
        return values.feeds(self.number, self.scheduled.array)

    def set_number(self, number: int) -> None:
        """Set the step's number."""
        if self._backend.planned:
            self._backend.assign(self.number, number)
        else:
            self.number = self._backend.counter(number)

    def at(self, epoch: int, share: float) -> tuple[float, ...]:
        """The scheduled numbers after this share of an epoch."""
        return tuple([kind.at(epoch, share) for kind in self._kinds])

    def set_scheduled(self, epoch: int, share: float) -> None:
        """Set the scheduled numbers."""
        numbers = self.at(epoch, share)
        if numbers != self.scheduled.written:
            self.scheduled.write(numbers)

    def passed(self) -> None:
        """Note that steps were made with other scheduled numbers, written on the device."""
        self.scheduled.written = ()
