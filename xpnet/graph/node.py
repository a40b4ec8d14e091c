"""A node of a graph: one application of a record to values."""

from dataclasses import dataclass
from typing import Any

from xpnet.graph.value import Value
from xpnet.ops.record import Op, Update, Vjp
from xpnet.typing import Array, Namespace, Shape

__all__ = ["Node", "Part"]


@dataclass(frozen=True)
class Part:
    """A part of a flat vector, and optionally its shape."""

    where: slice
    shape: Shape | None = None

    def of(self, xp: Namespace, vector: Array) -> Array:
        """The part of a vector, as a view if the library has views."""
        found = vector[self.where]
        return found if self.shape is None else xp.reshape(found, self.shape)

    def replaced(self, xp: Namespace, vector: Array, values: Array) -> Array:
        """The vector with these values in this part."""
        values = xp.reshape(values, (-1,))
        if values.shape == vector.shape:
            return values
        return xp.concat([vector[: self.where.start], values, vector[self.where.stop :]])


@dataclass(eq=False)
class Node:
    """One application of an op, of a vjp in the backward part, or of a rule in the update.

    Attributes
    ----------
    record : Op, Vjp or Update
    inputs : tuple of Value
        A rule's first inputs are the vectors that it changes.
    static : dict
        Settings.
    outputs : tuple of Value
        An op or a vjp has one, and an op that saves a tensor for its backward has a second. A rule
        has one for each vector, in the vector's own memory.
    part : Part or None
        The part of each vector that a rule changes; None for the whole.
    """

    record: Op | Vjp | Update
    inputs: tuple[Value, ...]
    static: dict[str, Any]
    outputs: tuple[Value, ...]
    part: Part | None = None

    @property
    def output(self) -> Value:
        """What is computed."""
        return self.outputs[0]

    @property
    def saved(self) -> Value | None:
        """The tensor that an op saves for its backward."""
        return self.outputs[1] if len(self.outputs) > 1 else None

    @property
    def changed(self) -> list[tuple[Value, Value]]:
        """Each vector that a rule changes: its new and its old value."""
        if not isinstance(self.record, Update):
            return []
        return [*zip(self.outputs, self.inputs, strict=False)]
