"""Numbers that name the rows of an `Embedding`: checked on entry."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from xpnet import ops
from xpnet.backends import Backend
from xpnet.errors import DataError
from xpnet.graph import Graph, Value
from xpnet.typing import size_of

__all__ = ["Ids", "check_ids", "ids_among"]


class Ids(NamedTuple):
    """Inputs, or a slice of them, that name rows of a table.

    Attributes
    ----------
    slices : list of dict
        Settings of the slices that lead from the inputs to them.
    size : int
        Number of rows of the table.
    """

    slices: list[dict[str, Any]]
    size: int


def ids_among(graph: Graph) -> list[Ids]:
    """The ids among a network's inputs; ids that are computed otherwise are not listed."""
    found = [(_slices(graph, value), size) for value, size in graph.ids]
    return [Ids(slices, size) for slices, size in found if slices is not None]


def check_ids(name: str, x: Any, ids: Sequence[Ids], place: Backend) -> None:
    """Raise `DataError` for inputs, an array of this backend, that name no row of their table."""
    xp = place.xp
    for slices, size in ids:
        found = x
        for cut in slices:
            found = ops.slice.fn(xp, found, **cut)
        low, high = float(xp.min(found)), float(xp.max(found))
        whole = found == xp.floor(found)
        if not bool(xp.all(whole)):
            raise DataError(_fractional(name, found, whole, size, place))
        if low < 0 or high >= size:
            raise DataError(
                f"{name} is looked up in an Embedding of {size} rows, so it must hold whole "
                f"numbers from 0 to {size - 1}; got numbers from {low:g} to {high:g}. Number the "
                "things without gaps, with numpy.unique(things, return_inverse=True)[1], or make "
                "the table larger."
            )


def _fractional(name: str, found: Any, whole: Any, size: int, backend: Backend) -> str:
    """The message about the first number that is not whole."""
    place = backend.to_numpy(backend.xp.argmin(backend.xp.astype(whole, backend.xp.int64)))
    value = float(backend.xp.reshape(found, (-1,))[int(place)])
    row = int(place) // size_of(tuple(whole.shape[1:]))
    return (
        f"{name} is looked up in an Embedding of {size} rows, so it must hold whole numbers from "
        f"0 to {size - 1}; got {value:g} in row {row} (counted from 0). Give categories as numbers "
        "without gaps, with numpy.unique(things, return_inverse=True)[1], and real numbers to "
        "another layer."
    )


def _slices(graph: Graph, value: Value) -> list[dict[str, Any]] | None:
    """The slices that lead from the input to this value; None if it is computed otherwise."""
    made = {node.output: node for node in graph.nodes}
    cuts: list[dict[str, Any]] = []
    while value in made:
        node = made[value]
        if node.record is ops.slice:
            cuts.insert(0, node.static)
        elif node.record is not ops.reshape or cuts:  # a reshape after the slices changes nothing
            return None
        value = node.inputs[0]
    return cuts if value in graph.inputs else None
