"""Predictions like the one before: of as many samples, of the same type, where they are."""

from typing import TYPE_CHECKING, Any

from xpnet.backends import Backend, PlannedBackend
from xpnet.lowering import turn

if TYPE_CHECKING:
    from xpnet.train.network import Network
    from xpnet.train.programs import Program

__all__ = ["Again", "again"]

_ALL = slice(None)


class Again:
    """A prediction whose checks and choices were made by one before it, all but those of values.

    It is what makes predicting one sample after the other quick: finding the backend, the type,
    the shape and the program takes longer than a small network's products.
    """

    def __init__(self, network: "Network", program: "Program", X: Any, check: bool) -> None:
        self._network, self._program, self._check = network, program, check
        self._like = type(X), X.shape, X.dtype
        self._turn = turn(network.backend, program.operations)

    def takes(self, X: Any) -> bool:
        """Whether these inputs are like those before; NaN and infinity are left to others."""
        kind, shape, dtype = self._like
        if type(X) is not kind or X.shape != shape or X.dtype != dtype:
            return False
        return not self._check or self._network.backend.finite(X)

    def __call__(self, X: Any) -> Any:
        """The network's output."""
        network, program = self._network, self._program
        backend = network.backend
        with network.lock, backend.quiet(), self._turn:
            program.load([X], _ALL)
            program.run()
            return backend.copy(program.output())


def again(
    network: "Network", program: "Program", place: Backend, X: Any, x: Any, check: bool
) -> Again | None:
    """What predicts like this once more; None where more has to be looked at than the values.

    `X` is what the user gave, `x` the same on the backend `place`.
    """
    if x is not X or not isinstance(place, PlannedBackend) or not place.synchronous:
        return None
    return None if network.graph.ids else Again(network, program, X, check)
