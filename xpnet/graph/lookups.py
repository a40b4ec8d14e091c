"""Numbers that name rows of a table, or classes: found in a graph, and checked in arrays."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from xpnet import ops
from xpnet.backends import Backend, dtype_name, is_float
from xpnet.errors import DataError
from xpnet.graph.graph import Graph
from xpnet.graph.interpret import interpret
from xpnet.graph.value import Value
from xpnet.ops.record import Op
from xpnet.typing import Array, size_of

__all__ = ["Lookup", "check_numbers", "lookups", "numbers_of"]


class Lookup(NamedTuple):
    """Numbers that name rows of an `Embedding`'s table, or classes.

    Attributes
    ----------
    op : str
        Name of the op that looks them up.
    numbers : Value
        What names them, before it becomes an integer.
    size : int
        Number of rows or classes.
    inputs : frozenset of Value
        The graph's inputs that they are computed from.
    """

    op: str
    numbers: Value
    size: int
    inputs: frozenset[Value]

    @property
    def where(self) -> str:
        """Where they are looked up, for error messages."""
        if self.op == "embedding":
            return f"an Embedding of {self.size} rows"
        return f"the {self.size} classes of {self.op}"


def lookups(graph: Graph) -> list[Lookup]:
    """The numbers that are looked up and depend on the graph's inputs alone.

    Parameters, noise and schedules are not known when data are checked.
    """
    made = {value: node for node in graph.nodes for value in node.outputs}
    known: dict[Value, frozenset[Value] | None] = {v: frozenset() for v in graph.constants}
    known |= {value: frozenset([value]) for value in graph.inputs}
    for node in graph.nodes:
        found = [known.get(value) for value in node.inputs]
        whole = None if None in found else frozenset().union(*filter(None, found))
        known |= dict.fromkeys(node.outputs, whole)
    result = []
    for node in graph.nodes:
        at = _position(node.record)
        if at is None or not (inputs := known.get(node.inputs[at])):
            continue
        numbers = node.inputs[at]
        if numbers in made and made[numbers].record is ops.as_index:
            numbers = made[numbers].inputs[0]
        result.append(Lookup(node.record.name, numbers, _size(node), inputs))
    return result


def _position(record: Any) -> int | None:
    """The position of the input that names rows or classes; None if there is none."""
    names = (record.integers or ()) if isinstance(record, Op) else ()
    found = [record.inputs.index(name) for name in names if name in ("ids", "labels")]
    return found[0] if found else None


def _size(node: Any) -> int:
    """The number of rows or classes of a node that looks numbers up."""
    if node.record is ops.one_hot:
        return int(node.static["classes"])
    return int(node.inputs[0].shape[0 if node.record is ops.embedding else -1])


def numbers_of(graph: Graph, lookup: Lookup, feeds: Mapping[Value, Array], place: Backend) -> Array:
    """The numbers that are looked up, from arrays for the inputs that they depend on."""
    with place.quiet():
        return interpret(graph, place.xp, feeds, [lookup.numbers], place.device)[0]


def check_numbers(
    name: str, where: str, size: int, numbers: Array, place: Backend, first: int = 0
) -> None:
    """Raise `DataError` unless these are whole numbers from 0 to size - 1.

    Parameters
    ----------
    name : str
        What is looked up, for the message: ``"X"``.
    where : str
        Where it is looked up.
    size : int
    numbers : array of the backend `place`
    first : int
        The number of their first row.
    """
    xp = place.xp
    if 0 in numbers.shape:
        return
    start = f"{name} is looked up in {where}, so it must hold whole numbers from 0 to {size - 1}"
    if is_float(dtype_name(numbers.dtype)):
        whole = numbers == xp.floor(numbers)
        if not bool(xp.all(whole)):
            raise DataError(f"{start}; {_fractional(numbers, whole, place, first)}")
    low, high = float(xp.min(numbers)), float(xp.max(numbers))
    if low < 0 or high >= size:
        raise DataError(
            f"{start}; got numbers from {low:g} to {high:g}. Number the things without gaps, with "
            "numpy.unique(things, return_inverse=True)[1], or make the table larger."
        )


def _fractional(numbers: Array, whole: Array, place: Backend, first: int) -> str:
    """The message about the first number that is not whole."""
    at = int(place.to_numpy(place.xp.argmin(place.xp.astype(whole, place.xp.int64))))
    value = float(place.xp.reshape(numbers, (-1,))[at])
    row = first + at // size_of(tuple(whole.shape[1:]))
    return (
        f"got {value:g} in row {row} (counted from 0). Give categories as numbers without gaps, "
        "with numpy.unique(things, return_inverse=True)[1], and real numbers to another layer."
    )
