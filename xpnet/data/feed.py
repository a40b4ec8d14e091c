"""How batches come to a program: from where it computes, or from the host as they are needed."""

from collections.abc import Sequence
from typing import Any, Protocol

from xpnet.backends import Backend
from xpnet.backends.streaming import Streaming
from xpnet.engine.network import Network
from xpnet.engine.programs import PlannedProgram, Program

__all__ = ["Feed", "feed"]


class Feed(Protocol):
    """Some data, cut into batches."""

    def begin(self, order: Any = None, first: int = 0) -> None:
        """Let the batches be of the rows in this order, and the next one the one of this number."""

    def load(self, program: Program, i: int) -> None:
        """Give a program the batch of this number, which follows on the one given before."""

    def end(self) -> None:
        """Leave nothing on its way, also where not all batches were taken."""


def feed(network: Network, place: Backend, arrays: Sequence[Any], parts: Sequence[slice]) -> Feed:
    """The feed of arrays that are on the backend `place`, in batches of these rows."""
    if place.name == network.backend.name:
        return _Resident(arrays, parts)
    return _Streamed(network.backend, arrays, parts)


class _Resident:
    """Data where the network computes."""

    def __init__(self, arrays: Sequence[Any], parts: Sequence[slice]) -> None:
        self._arrays, self._parts, self._order = arrays, parts, None

    def begin(self, order: Any = None, first: int = 0) -> None:
        self._order = order

    def load(self, program: Program, i: int) -> None:
        part, order = self._parts[i], self._order
        program.load(self._arrays, part if order is None else order[part])

    def end(self) -> None:
        return


class _Streamed:
    """Data on the host, whose next batch is on its way while the present one is computed."""

    def __init__(self, backend: Any, arrays: Sequence[Any], parts: Sequence[slice]) -> None:
        rows = max(part.stop - part.start for part in parts)
        self._streaming, self._parts = Streaming(backend, arrays, rows), parts
        self._order: Any = None

    def begin(self, order: Any = None, first: int = 0) -> None:
        self._order = order
        self._streaming.clear()
        self._stage(first)

    def load(self, program: Program, i: int) -> None:
        assert isinstance(program, PlannedProgram)
        self._stage(i + 1)
        self._streaming.take(program.places)

    def end(self) -> None:
        self._streaming.clear()

    def _stage(self, i: int) -> None:
        if i < len(self._parts):
            part = self._parts[i]
            self._streaming.stage(part if self._order is None else self._order[part])
