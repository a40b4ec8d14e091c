"""The plan: a graph bound to memory and kernels, run as a flat list of calls.

The interpreter says what a graph means; the plan computes the same without allocating. Made
once for a graph, it

1. computes what depends on constants alone,
2. gives every value a place in one piece of memory, which is reused when a value is dead and
   overwritten in place where a kernel allows it,
3. chooses the best kernel for every node and records its calls.

``print(plan)`` lists the nodes with shape, place and kernel.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from xpnet import ops
from xpnet.backends.base import PlannedBackend
from xpnet.graph.interpret import constant, evaluate
from xpnet.graph.memory import lay_out
from xpnet.graph.value import Graph, Node, Value
from xpnet.kernels import Kernel, Recorder, Scratch, find
from xpnet.lowering import largest_product, lower

__all__ = ["Arena", "Plan", "distinct"]


def distinct(values: Sequence[Value]) -> list[Value]:
    """The same values, with a copy where one is repeated or is not computed by a node.

    Each can then be given memory of its own to be computed into.
    """
    result: list[Value] = []
    for value in values:
        fresh = value.kind == "node" and value not in result
        result.append(value if fresh else ops.identity(value))
    return result


class Arena:
    """Memory that the plans of one model share; it grows to what the largest needs."""

    def __init__(self, backend: PlannedBackend) -> None:
        self._backend = backend
        self.memory = backend.arena(0)
        self.scratch = Scratch(backend)

    def reserve(self, nbytes: int) -> Any:
        """Memory of at least this size. Plans bound to what it replaces keep theirs."""
        if self.memory.shape[0] < nbytes:
            self.memory = self._backend.arena(nbytes)
        return self.memory


class Plan:
    """A graph, ready to run.

    Parameters
    ----------
    graph : Graph
        What to compute.
    backend : PlannedBackend
        Whose arrays and kernels to use.
    given : mapping of Value to array
        Arrays that exist outside: those of the parameters, which are read, and those of
        results (such as the views of the gradient vector), which are written.
    outputs : sequence of Value
        Values to keep until the run's end; read them with `array`.
    arena : Arena, optional
        Shared memory; by default the plan has its own.

    Attributes
    ----------
    calls : list of callable
        What is run.
    operations : int
        Floating-point operations of its largest matrix product.
    """

    def __init__(
        self,
        graph: Graph,
        backend: PlannedBackend,
        given: Mapping[Value, Any],
        outputs: Sequence[Value],
        arena: Arena | None = None,
    ) -> None:
        self._backend, self._inputs = backend, graph.inputs
        self._arrays: dict[Value, Any] = dict(given)
        self._nodes = self._needed(graph, [*outputs, *given])
        self._fold_constants(graph, given)
        self._kernels = {node: find(node.record, backend.families) for node in self._nodes}
        self._layout = lay_out(
            self._nodes,
            [*graph.inputs, *outputs],
            set(self._arrays),
            lambda node: self._kernels[node].inplace,
        )
        arena = arena or Arena(backend)
        memory = arena.reserve(self._layout.size)
        for value, offset in self._layout.offsets.items():
            # The very same array, since CuPy takes a second view of `out` for a danger and copies.
            over = self._layout.shared.get(value)
            self._arrays[value] = (
                backend.view(memory, offset, value.shape, value.dtype)
                if over is None
                else self._arrays[over]
            )
        recorder = Recorder(backend, arena.scratch)
        for node, kernel in self._kernels.items():
            self._bind(recorder, node, kernel)
        self.operations = largest_product(backend, recorder.calls)
        kept = [self._arrays[v] for v in outputs]
        self.calls = lower(backend, recorder.calls, [memory, *recorder.borrowed], kept)
        self._movable = all(hasattr(call, "pointing_into") for call in self.calls)
        self._pointers: dict[Value, list[tuple[Any, int, int]]] = {}
        self._read: dict[Value, Any] = {}

    @staticmethod
    def _needed(graph: Graph, outputs: Sequence[Value]) -> list[Node]:
        """The nodes on which the outputs depend, in order."""
        wanted: set[Value | None] = set(outputs)
        nodes = []
        for node in reversed(graph.nodes):
            if node.output in wanted or (node.residual is not None and node.residual in wanted):
                wanted.update(node.inputs)
                nodes.append(node)
        return nodes[::-1]

    def _fold_constants(self, graph: Graph, given: Mapping[Value, Any]) -> None:
        """Compute the constants, and every node that reads nothing else, once and for all."""
        xp = self._backend.xp
        folded = {v: constant(xp, v, self._backend.device) for v in graph.constants}
        rest = []
        for node in self._nodes:
            if node.output not in given and all(v in folded for v in node.inputs):
                evaluate(xp, node, folded)
            else:
                rest.append(node)
        self._nodes = rest
        self._arrays.update(folded)

    def _bind(self, recorder: Recorder, node: Node, kernel: Kernel) -> None:
        """Record the calls of one node."""
        places = [self._arrays[node.output]]
        if node.residual is not None:
            places.append(self._arrays[node.residual])
        arrays = [self._arrays[v] for v in node.inputs]
        recorder.bind(kernel.function, *places, *arrays, **node.static)

    @property
    def definitions(self) -> list[str]:
        """Names of the ops that are computed by their definitions: no kernel could be made."""
        found = [n.record.name for n, k in self._kernels.items() if k.family == "definition"]
        return sorted(set(found))

    def array(self, value: Value) -> Any:
        """The array in which an input is to be put, or an output is found."""
        return self._arrays[value]

    def read_from(self, value: Value, array: Any) -> bool:
        """Let an input be read from this array, where it lies, instead of from its own place.

        False, and nothing is changed, where the plan cannot: its calls are bound to arrays, not
        to addresses, or the array is not of the place's type and layout.
        """
        place = self._arrays[value]
        alike = (array.shape, array.dtype, array.strides) == (
            place.shape,
            place.dtype,
            place.strides,
        )
        if not (self._movable and alike and array.flags.aligned):
            return False
        if value not in self._pointers:
            start = self._backend.address(place)
            calls: list[Any] = self.calls
            spots = (s for c in calls for s in c.pointing_into(start, start + place.nbytes))
            self._pointers[value] = [*spots]
        address = self._backend.address(array)
        for numbers, position, offset in self._pointers[value]:
            numbers[position] = address + offset
        self._read[value] = array  # so that it lives as long as it is pointed to
        return True

    def run(self) -> None:
        """Compute the outputs from what is in the inputs' arrays."""
        for call in self.calls:
            call()

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("op", "output", "shape", "place", "kernel")]
        rows += [self._input_row(v) for v in self._inputs]
        rows += [self._row(node, kernel) for node, kernel in self._kernels.items()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(t.ljust(w) for t, w in zip(r, widths, strict=True)).rstrip() for r in rows
        ]
        title = (
            f"Plan on {self._backend.name}: {len(self._nodes)} nodes, {len(self.calls)} calls, "
            f"{self._layout.size:,} bytes of workspace"
        )
        return "\n".join([title, *lines])

    def _input_row(self, value: Value) -> tuple[str, ...]:
        shape, place = f"{value.dtype}{list(value.shape)}", f"@{self._layout.offsets[value]}"
        return value.kind, value.name, shape, place, ""

    def _row(self, node: Node, kernel: Kernel) -> tuple[str, ...]:
        value = node.output
        inputs = ", ".join(v.name for v in node.inputs)
        place = "given"
        if value in self._layout.shared:
            place = f"over {self._layout.shared[value].name}"
        elif value in self._layout.offsets:
            place = f"@{self._layout.offsets[value]}"
        shape = f"{value.dtype}{list(value.shape)}"
        name = value.name
        if node.residual is not None:
            name += f", {node.residual.name}"
            place += f", @{self._layout.offsets[node.residual]}"
        return f"{node.record.name}({inputs})", name, shape, place, kernel.family
