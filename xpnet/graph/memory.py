"""The memory of each value of a graph: offsets into one arena, reused when free."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xpnet.graph.node import Node
from xpnet.graph.value import Value
from xpnet.typing import Shape, size_of

__all__ = ["Layout", "lay_out"]

_ALIGN = 64  # a cache line, and the widest vector register
_SIZES = {"float32": 4, "float64": 8, "int64": 8, "int32": 4, "bool": 1}


def nbytes(value: Value) -> int:
    """Bytes that a value needs, rounded up to whole cache lines."""
    return -(-size_of(value.shape) * _SIZES[value.dtype] // _ALIGN) * _ALIGN


@dataclass
class Layout:
    """Offsets of values in an arena of `size` bytes.

    `shared` maps a value to the one whose memory it overwrites.
    """

    offsets: dict[Value, int] = field(default_factory=dict)
    shared: dict[Value, Value] = field(default_factory=dict)
    size: int = 0
    _free: list[tuple[int, int]] = field(default_factory=list)  # (offset, bytes), by offset
    _alike: dict[tuple[Shape, str], list[int]] = field(default_factory=dict)

    def allocate(self, value: Value) -> None:
        """Give a value the smallest hole that holds it, or new memory at the end."""
        need = nbytes(value)
        alike = self._alike.get((value.shape, value.dtype))
        if alike:
            self.offsets[value] = alike.pop()
            return
        holes = [(size, start) for start, size in self._free if size >= need]
        if holes:
            size, start = min(holes)
            self._free.remove((start, size))
            if size > need:
                self._insert(start + need, size - need)
        else:
            start, self.size = self.size, self.size + need
        self.offsets[value] = start

    def release(self, value: Value) -> None:
        """Free a value's memory for later values."""
        self._insert(self.offsets[value], nbytes(value))

    def release_for_alike(self, value: Value) -> None:
        """Free a value's memory for later values of its shape and type."""
        self._alike.setdefault((value.shape, value.dtype), []).append(self.offsets[value])

    def overwrite(self, value: Value, old: Value) -> None:
        """Put a value into the memory of an old value."""
        self.offsets[value] = self.offsets[old]
        self.shared[value] = old

    def _insert(self, start: int, size: int) -> None:
        """Add a hole, merged with its neighbors."""
        if not size:
            return
        merged: list[tuple[int, int]] = []
        for hole in sorted([*self._free, (start, size)]):
            if merged and sum(merged[-1]) == hole[0]:
                merged[-1] = (merged[-1][0], merged[-1][1] + hole[1])
            else:
                merged.append(hole)
        self._free = merged


def lay_out(
    nodes: Sequence[Node],
    held: Sequence[Value],
    elsewhere: set[Value],
    inplace: Callable[[Node], tuple[int, ...]],
    shared: bool = False,
) -> Layout:
    """Assign memory to every value that the nodes compute.

    Parameters
    ----------
    nodes : sequence of Node
        In execution order.
    held : sequence of Value
        Values that must keep their memory for the whole run: inputs, results.
    elsewhere : set of Value
        Values with their own memory (parameters, gradients, vectors, constants).
    inplace : callable
        Positions of a node's inputs that its kernel may overwrite with its output.
    shared : bool
        Whether threads share the nodes. Then a value may reuse a dead value's memory only if it has
        the same shape and type. Otherwise threads at different nodes would overwrite each other.
    """
    layout = Layout()
    last = {v: i for i, node in enumerate(nodes) for v in node.inputs}
    keep = set(held) | elsewhere
    for value in held:
        if value not in elsewhere:
            layout.allocate(value)
    for i, node in enumerate(nodes):
        dying = {v for v in node.inputs if last[v] == i and v not in keep}
        target = None
        if node.output not in keep:
            target = _overwritable(node, dying, inplace(node))
            if target is None:
                layout.allocate(node.output)
            else:
                layout.overwrite(node.output, target)
        for value in node.outputs[1:]:
            if value not in keep:
                layout.allocate(value)
        unread = {*node.outputs} - last.keys() - keep
        release = layout.release_for_alike if shared else layout.release
        for value in (dying | unread) - {target}:
            release(value)
    return layout


def _overwritable(node: Node, dying: set[Value], positions: tuple[int, ...]) -> Value | None:
    """An input that dies here and whose memory fits the output exactly."""
    for position in (p for p in positions if p < len(node.inputs)):
        value = node.inputs[position]
        same = value.shape == node.output.shape and value.dtype == node.output.dtype
        if same and value in dying and node.inputs.count(value) == 1:
            return value
    return None
