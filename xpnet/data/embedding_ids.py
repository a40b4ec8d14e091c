"""Numbers that name the rows of an `Embedding`: checked on entry."""

from typing import Any

from xpnet import ops
from xpnet.backends import Backend
from xpnet.errors import DataError
from xpnet.graph import Graph, Value
from xpnet.typing import size_of

__all__ = ["check_ids"]


def check_ids(name: str, x: Any, graph: Graph, place: Backend) -> None:
    """Raise `DataError` for inputs that name no row of their embedding table.

    The inputs are an array of the backend `place`. Only numbers that are the inputs themselves, or
    a slice of them, can be checked here.
    """
    xp = place.xp
    for value, size in graph.ids:
        cuts = _cuts(graph, value)
        if cuts is None:
            continue
        found = x
        for cut in cuts:
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


def _cuts(graph: Graph, value: Value) -> list[dict[str, Any]] | None:
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
