"""What the processes of a fit decide together: when to stop."""

from collections.abc import Callable
from zlib import crc32

from xpnet.errors import DistributedError
from xpnet.parallel.group import Group
from xpnet.typing import Array

__all__ = ["REASONS", "Agreement"]

REASONS = ("callback", "SIGINT", "SIGTERM")
"""Why a process may ask to stop."""


def _none() -> list[float]:
    return [0.0] * len(REASONS)


class Agreement:
    """The processes of a fit leave it after the same step.

    A callback or a signal in one of them asks for it. With the next step, all know.

    Attributes
    ----------
    requests : callable
        Returns 1 for each of `REASONS` why this process asks to stop, else 0.
    over : bool
        Whether the processes have agreed that the fit ends.
    signal : str or None
        The signal for which it ends.
    """

    def __init__(self, group: Group) -> None:
        self._group, self.over = group, False
        self.signal: str | None = None
        self.requests: Callable[[], list[float]] = _none

    @property
    def leads(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self._group.rank == 0

    def note(self, counts: list[float]) -> None:
        """Take note of the sums of all processes' requests."""
        self.over = self.over or any(counts)
        signals = [name for name, n in zip(REASONS[1:], counts[1:], strict=True) if n]
        self.signal = self.signal or next(iter(signals), None)

    def settle(self) -> None:
        """Ask all processes, between two epochs."""
        found = self._group.gather(self.requests())
        self.note([sum(column) for column in zip(*found, strict=True)])

    def check(self, seconds: float, params: Array) -> float:
        """The time that process 0 spent on an epoch, if all hold the same parameters.

        Raises
        ------
        DistributedError
            If they do not; all processes raise it.
        """
        found = self._group.gather((seconds, crc32(params.data)))
        other = next((r for r, (_, own) in enumerate(found) if own != found[0][1]), None)
        if other is not None:
            raise DistributedError(
                f"process {other} holds other parameters than process 0: a callback changed them "
                "in one process alone, or the machines compute differently."
            )
        return float(found[0][0])
