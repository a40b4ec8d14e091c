"""The gradient of a step that several processes share: one sum of one vector.

    [ gradient | running statistics | weight, loss, penalties, rows, requests to stop ]

Each process adds up the gradients of its rows, times their weights. After the sum over the
processes, each has the whole gradient, divides it by the whole weight and adds the gradient of the
penalties: as `Accumulation` does for the batches of one process.
"""

from dataclasses import replace

from xpnet.engine.accumulation import Accumulation
from xpnet.engine.batch_graph import PENALTY, SHARED, BatchGraph, BatchSpec
from xpnet.engine.batches import Batches
from xpnet.engine.engine import Engine
from xpnet.engine.programs import Program
from xpnet.engine.sparse_program import settle
from xpnet.errors import ArgumentError
from xpnet.graph import Share
from xpnet.ops import sum_over_processes
from xpnet.parallel.agreement import REASONS
from xpnet.parallel.shared_batches import SharedBatches
from xpnet.typing import Shape

__all__ = ["SharedGradient"]

_WEIGHT, _LOSS, _PENALTY, _SHARED, _ROWS, _REQUESTS = range(6)
_TAIL = _REQUESTS + len(REASONS)


def _assigned(engine: Engine) -> list[str]:
    """Names of the running statistics that a training step changes."""
    graph, _ = engine.network.trace(2, training=True)
    return [name for name in graph.assignments if name in engine.network.table.specs]


class SharedGradient(Accumulation):
    """The gradient of the rows of all processes.

    Parameters
    ----------
    engine : Engine
        Of NumPy.
    shared : SharedBatches

    Attributes
    ----------
    objective : float
        The loss of all rows of the last step, with the penalties.
    """

    def __init__(self, engine: Engine, shared: SharedBatches) -> None:
        super().__init__(engine)
        _check(engine)
        self._shared, self.objective = shared, 0.0
        self._states = [engine.network.table.part(name) for name in _assigned(engine)]
        self._length = engine.network.table.trainable
        extra = sum(part.stop - part.start for part in self._states)
        vector = engine.backend.zeros((self._length + extra + _TAIL,), engine.network.dtype)
        self._vector, self._tail = vector, vector[self._length + extra :]
        self.vectors |= {"sum": vector[: self._length], "weight": self._tail[:1]}

    def clear(self) -> None:
        self._tail[:] = 0

    def add(self, program: Program) -> None:
        """Add the gradient of some rows, which is that of their loss times their weight."""
        self.include(program)
        state = self._engine.state
        state.begun += 1
        program.commit()
        state.done = state.begun

    def include(self, program: Program) -> None:
        """As `add`, but keep the running statistics."""
        settle(program)
        gradient, total, tail = self._engine.state.gradient, self.vectors["sum"], self._tail
        if tail[_ROWS]:
            total += gradient
        else:
            total[:] = gradient
        results, layout = program.results, program.batch_graph.layout
        rows, weight = program.batch_graph.rows_and_weight(results)
        tail[_WEIGHT] += weight
        tail[_ROWS] += rows
        tail[_LOSS] += results[layout["loss"]][0] * (1 if self._summed else weight)
        for place, name in ((_PENALTY, PENALTY), (_SHARED, SHARED)):
            if name in layout:
                tail[place] += weight * results[layout[name]][0]

    def skip(self, batches: Batches, i: int) -> None:
        """Take part in the sums that other processes make for this batch."""
        share = batches.programs[i].batch_graph.graph.settings.share
        if share is None or share.across is None:
            return
        own = replace(share, rows=1, total=self._shared.totals[i])
        for shape in _sums(self._engine, batches, own):
            share.across(self._engine.backend.zeros(shape, self._engine.network.dtype))

    def finish(self) -> None:
        """Sum over the processes, and store the gradient and the statistics in the state."""
        tail = self._tail
        if not tail[_ROWS]:
            self.vectors["sum"][:] = 0
        agreement = self._shared.member.agreement
        tail[_REQUESTS:] = agreement.requests()
        self._sum()
        self.objective = self._objective()
        agreement.note(tail[_REQUESTS:].tolist())
        super().finish()

    def average(self, program: Program) -> None:
        """Average the running statistics of the processes, after a `commit` of this program."""
        if self._states:
            self.clear()
            self._tail[_ROWS], _ = program.batch_graph.rows_and_weight(program.results)
            self._sum()

    def _sum(self) -> None:
        """The collective of a step; running statistics are averaged by the rows."""
        params, tail, vector = self._engine.state.params, self._tail, self._vector
        at = self._length
        for part in self._states:
            vector[at : at + part.stop - part.start] = tail[_ROWS] * params[part]
            at += part.stop - part.start
        self._shared.member.group.sum(vector)
        at = self._length
        for part in self._states:
            params[part] = vector[at : at + part.stop - part.start] / tail[_ROWS]
            at += part.stop - part.start

    def _objective(self) -> float:
        """The loss of all rows, with the penalties as `finish` of a step counts them."""
        weight, loss, penalty, shared = map(float, self._tail[: _SHARED + 1])
        if not weight:
            return 0.0
        return (loss if self._summed else loss / weight) + (penalty + shared / weight) / weight


def _sums(engine: Engine, batches: Batches, share: Share) -> list[Shape]:
    """The shapes of the sums over processes that the program of such a share makes, in order."""
    spec = replace(BatchSpec.of("accumulate", share.rows, batches.data), share=share)
    made = BatchGraph.of(engine.network, spec)
    records = (sum_over_processes, *sum_over_processes.vjps)
    nodes = made.graph.needed(made.outputs)
    return [node.output.shape for node in nodes if node.record in records]


def _check(engine: Engine) -> None:
    """Raise unless the arrays are those that MPI sums in place."""
    if engine.backend.name != "numpy":
        raise ArgumentError(
            f"several processes train on NumPy arrays, but this model computes with "
            f"{engine.backend.name}: make it with backend='numpy'."
        )
