"""The plan: a graph bound to memory and kernels, run as a flat list of calls.

The interpreter defines what a graph means; the plan computes the same without allocating. It is
made once per graph. It

1. computes what depends on constants alone,
2. assigns every value an offset in one arena; memory is reused when its value is dead, and
   overwritten in place where a kernel allows it,
3. chooses the best kernel for every node and records its calls.

``print(plan)`` lists the nodes with shape, memory and kernel.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xpnet import ops
from xpnet.backends.base import PlannedBackend
from xpnet.graph.borrowing import Borrowing
from xpnet.graph.graph import Graph
from xpnet.graph.interpret import constant, evaluate
from xpnet.graph.memory import lay_out
from xpnet.graph.node import Node
from xpnet.graph.plan_table import listing
from xpnet.graph.value import Value
from xpnet.kernels import Kernel, Recorder, Scratch, find
from xpnet.lowering import largest_product, lower

__all__ = ["Arena", "Plan", "distinct"]


def distinct(values: Sequence[Value]) -> list[Value]:
    """The same values, with a copy of each that is repeated or not computed by a node.

    Each can then be computed into its own memory.
    """
    result: list[Value] = []
    for value in values:
        fresh = value.kind == "node" and value not in result
        result.append(value if fresh else ops.identity(value))
    return result


class Arena:
    """Memory that the plans of one model share; it grows with the largest."""

    def __init__(self, backend: PlannedBackend) -> None:
        self._backend = backend
        self.memory = backend.arena(0)
        self.scratch = Scratch(backend)

    def reserve(self, nbytes: int) -> Any:
        """Memory of at least this size. Plans bound to older memory keep it."""
        if self.memory.shape[0] < nbytes:
            self.memory = self._backend.arena(nbytes)
        return self.memory


class Plan:
    """A graph bound to memory and kernels.

    Parameters
    ----------
    graph : Graph
        What to compute.
    backend : PlannedBackend
        Provides the arrays and kernels.
    given : mapping of Value to array
        Arrays outside the plan: parameters and vectors, which rules change, and results (such as
        the views of the gradient vector), which the plan writes.
    outputs : sequence of Value
        Values to keep until the end of a run; read them with `array`.
    arena : Arena, optional
        Shared memory; by default the plan has its own.
    spare : sequence of array
        Memory among `given` whose content is not needed after a run.
    threads : int
        Threads that share the calls, if these are compiled.

    Attributes
    ----------
    calls : list of callable
        The calls of a run, in order.
    flops : int
        Flops of the largest matrix product that BLAS may share among its own threads.
    """

    def __init__(
        self,
        graph: Graph,
        backend: PlannedBackend,
        given: Mapping[Value, Any],
        outputs: Sequence[Value] = (),
        arena: Arena | None = None,
        spare: Sequence[Any] = (),
        threads: int = 1,
    ) -> None:
        self._backend, self._inputs = backend, graph.inputs
        self._arrays: dict[Value, Any] = dict(given)
        self._nodes = graph.needed([*outputs, *given])
        self._fold_constants(graph, given)
        if threads > 1 and not any(node.changed for node in self._nodes):
            self._nodes = late_last(self._nodes, [*outputs, *given])
        for node in self._nodes:  # a rule changes a vector in place
            self._arrays.update({new: self._arrays[old] for new, old in node.changed})
        self._kernels = {node: find(node.record, backend.families) for node in self._nodes}
        self._layout = lay_out(
            self._nodes,
            [*graph.inputs, *outputs],
            set(self._arrays),
            lambda node: self._kernels[node].inplace,
            shared=threads > 1,
        )
        arena = arena or Arena(backend)
        memory = arena.reserve(self._layout.size)
        self._place(memory)
        scratch = arena.scratch if threads == 1 else Scratch(backend, reused=False)
        recorder = Recorder(backend, scratch)
        for node, kernel in self._kernels.items():
            self._bind(recorder, node, kernel)
        self.flops = largest_product(backend, recorder.calls)
        kept = [self._arrays[v] for v in outputs]
        free = [memory, *spare, *recorder.borrowed]
        self.calls = lower(backend, recorder.calls, free, kept, threads)
        self._borrowing = Borrowing(backend, self.calls)
        if threads > 1 and self._borrowing.movable:
            self.flops = 0
        self.run = in_turn(self.calls)

    def _fold_constants(self, graph: Graph, given: Mapping[Value, Any]) -> None:
        """Compute every node that reads only constants, once."""
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

    def _place(self, memory: Any) -> None:
        """Create the arrays of all values with memory in the arena."""
        for value, offset in self._layout.offsets.items():
            # The same object: CuPy copies if `out` is another view of an argument.
            over = self._layout.shared.get(value)
            self._arrays[value] = (
                self._backend.view(memory, offset, value.shape, value.dtype)
                if over is None
                else self._arrays[over]
            )

    def _bind(self, recorder: Recorder, node: Node, kernel: Kernel) -> None:
        """Record the calls of one node."""
        inputs = [self._arrays[v] for v in node.inputs]
        if node.changed:
            count = len(node.outputs)
            if node.part is not None:
                inputs[:count] = [node.part.of(self._backend.xp, v) for v in inputs[:count]]
            recorder.bind(kernel.function, *inputs, **node.static)
        else:
            outputs = [self._arrays[v] for v in node.outputs]
            recorder.bind(kernel.function, *outputs, *inputs, **node.static)

    @property
    def definitions(self) -> list[str]:
        """Names of the ops computed by their definitions because no kernel could be made."""
        found = [n.record.name for n, k in self._kernels.items() if k.family == "definition"]
        return sorted(set(found))

    @property
    def nbytes(self) -> int:
        """Bytes of its workspace."""
        return self._layout.size

    def array(self, value: Value) -> Any:
        """The array to write an input to, or to read an output from."""
        return self._arrays[value]

    def read_from(self, value: Value, array: Any) -> bool:
        """Read an input from this array, without a copy; see `Borrowing`."""
        return self._borrowing.read(self._arrays[value], array)

    def __str__(self) -> str:
        return listing(self._backend.name, self._inputs, self._kernels, self._layout, self.calls)


def late_last(nodes: Sequence[Node], outputs: Sequence[Value]) -> list[Node]:
    """The nodes, with the gradients of weights last.

    These need all rows of a batch. Everything that needs only one row then comes before them, and
    threads that share the rows need not synchronize in between.
    """
    readers: dict[Value, list[Node]] = {}
    for node in nodes:
        for value in node.inputs:
            readers.setdefault(value, []).append(node)
    late: set[Value] = set()
    for node in reversed(nodes):
        later = [n for v in node.outputs for n in readers.get(v, [])]
        weight = len(node.output.shape) == 2 and node.output in outputs
        if all(n.output in late for n in later) if later else weight:
            late.add(node.output)
    first = [node for node in nodes if node.output not in late]
    return [*first, *(node for node in nodes if node.output in late)]


def in_turn(calls: Sequence[Callable[[], Any]]) -> Callable[[], None]:
    """One function that makes all calls, without any other Python call in between."""
    runs = [getattr(call, "run", call) for call in calls]

    def run() -> None:
        for call in runs:
            call()

    return run
