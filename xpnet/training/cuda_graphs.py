"""Steps of an epoch as CUDA graphs: the host launches many at a time and reads no results.

The first step of each batch size is made call by call. So is the first step of each epoch, whose
loss is checked. Then the calls are captured, and `steps_per_execution` steps are launched as one.
"""

import os
from collections.abc import Callable, Sequence
from logging import getLogger
from sys import maxsize
from typing import Any

from xpnet.engine.engine import Engine
from xpnet.engine.programs import PlannedProgram
from xpnet.errors import ArgumentError, ShapeError
from xpnet.lowering.cuda.cuda_graph import Graph, NotCaptured
from xpnet.training.callbacks.callback import Callbacks
from xpnet.training.compiled_steps import refusal
from xpnet.training.device_epoch import DeviceEpoch
from xpnet.training.eager import EagerSteps
from xpnet.training.loop import FitLoop
from xpnet.training.many_steps import ManySteps, needs_python

__all__ = ["GraphSteps", "captured", "usual_steps"]

_SMALL, _MANY = 2e9, 32  # flops below which a step is small; steps in one graph then


def usual_steps(engine: Engine, batch_size: int) -> int:
    """The default number of steps in one graph: many if each is small.

    A launch costs the host a few microseconds. A step of n parameters and a batch of m samples
    needs about 6 n m flops, two for each of the three products with a weight. (This rule is
    calculated, not measured.)
    """
    return _MANY if 6 * engine.network.table.trainable * batch_size < _SMALL else 1


def captured(
    eager: EagerSteps, callbacks: Callbacks, wanted: int | None
) -> "GraphSteps | EagerSteps":
    """Steps as graphs, or one by one if they cannot be captured; the reason is logged.

    Raises
    ------
    ArgumentError
        If the user wants several steps in a graph (`wanted`) and they cannot be captured.
    """
    engine, backend = eager.engine, eager.engine.backend
    if backend.index is None:
        reason: str | None = refusal(eager, callbacks) or "its steps are made one by one"
    else:
        reason = "as asked" if wanted == 0 else _refusal(eager, callbacks)
    if reason is None:
        usual = usual_steps(engine, eager.batches.sizes[0])
        try:
            return GraphSteps(eager, usual if wanted is None else wanted, wanted is not None)
        except ShapeError as error:  # the kernel that fetches a batch cannot fetch these
            reason = str(error).removesuffix(".")
    # A program written for a GPU runs unchanged where XPNET_FALLBACK puts it on a CPU.
    elsewhere = backend.index is None and bool(os.environ.get("XPNET_FALLBACK"))
    if wanted is not None and wanted > 1 and not elsewhere:
        raise ArgumentError(
            f"steps_per_execution={wanted} is not possible: {reason}. Leave it out: steps are "
            "then captured where possible."
        )
    if backend.index is not None:
        _log(reason)
    return eager


def _log(reason: str) -> None:
    getLogger("xpnet").info("steps are launched call by call, without CUDA graphs: %s", reason)


def _refusal(eager: EagerSteps, callbacks: Callbacks) -> str | None:
    """Why steps on this GPU cannot be captured; None if nothing known in advance prevents it."""
    from xpnet.lowering.cuda.gemm import usable

    engine: Any = eager.engine
    backend = engine.backend
    good, reason = usable(backend.cupy, backend.precision)
    if not good:
        return f"matrix products cannot be captured ({reason})"
    if eager.batches.data.backend.name != backend.name:
        return "the data are not on the device, and are copied there in parts"
    programs = [p for p in eager.batches.programs if isinstance(p, PlannedProgram)]
    plain = [*programs[0].plan.definitions, *engine.update.rules.definitions]
    if plain:
        return f"{', '.join(plain)} is computed by its definition, which may read or allocate"
    return needs_python(eager, callbacks)


class GraphSteps(ManySteps):
    """The steps of an epoch on one GPU.

    Parameters
    ----------
    eager : EagerSteps
        The same steps one by one.
    steps : int
        The largest number of steps in one graph.
    explicit : bool
        Whether the user asked for it; then it is an error if it cannot be done.

    Raises
    ------
    ShapeError
        If one kernel cannot fetch a batch of these arrays.
    """

    def __init__(self, eager: EagerSteps, steps: int, explicit: bool) -> None:
        super().__init__(eager)
        self._most, self._explicit = min(steps, len(eager.batches)), explicit
        self._device = DeviceEpoch(eager.engine, eager.batches, eager.record.table)
        self._graphs: dict[tuple[int, int], Graph] = {}
        self._made: set[int] = set()  # batch sizes whose first step was made

    def epoch(self, loop: FitLoop, learning_rate: float) -> dict[str, float]:
        """Make the remaining steps of the epoch; all that differs is sent ahead."""
        engine, context = self._engine, loop.context
        with engine.backend.quiet():
            while context.batch < self.count:
                self._send(context.batch, learning_rate)
                optimizer = engine.optimizer
                schedule = optimizer.learning_rate
                while context.batch < self.count and optimizer.learning_rate is schedule:
                    steps = self._ready(loop)
                    if self._several(loop, steps) if steps else self._one(loop):
                        return {}
                    if engine.optimizer is not optimizer:
                        break
                learning_rate = engine.learning_rate()  # a callback may have changed it
        return self._eager.record.finish()

    def _send(self, first: int, learning_rate: float) -> None:
        """Send ahead the order of the samples and the numbers of the steps from this one on."""
        engine, count = self._engine, self.count
        varies = engine.optimizer.varies
        rates = [
            engine.learning_rate(i / count) if varies and i else learning_rate
            for i in range(first, count)
        ]
        if not self._device.bound_to(engine.update):
            self._device.bind()
            self._graphs, self._made = {}, set()
        inputs, epoch = engine.programs.step_inputs, engine.state.epoch
        shares = [i / count for i in range(first, count)]
        rows = [engine.update.ahead(rates, shares), [inputs.at(epoch, s) for s in shares]]
        self._device.begin(self._eager.order.of(epoch), rows, first)

    def _one(self, loop: FitLoop) -> bool:
        """Make one step call by call; check the first loss of an epoch before the update."""
        i, engine = loop.context.batch, self._engine
        size, program = self.batches.sizes[i], self.batches.programs[i]
        compute, change = self._device.calls(size)
        with engine.programs.lock:
            _make(compute)
            if i == 0:
                self._eager.record.look(0, float(program.results[0]))
            try:
                _make(change)
            except MemoryError:
                engine.restore()
                raise
            self._passed(i, 1)
        self._made.add(size)
        return loop.stepped(size)

    def _ready(self, loop: FitLoop) -> int:
        """How many of the next steps a graph can make; 0 if none."""
        i, size = loop.context.batch, self.batches.sizes[loop.context.batch]
        count = self._count(loop)
        if not count or size not in self._made or i == 0:
            return 0
        with self._engine.programs.lock:
            return 0 if self._graph(size, count) is None else count

    def _several(self, loop: FitLoop, count: int) -> bool:
        """Make so many of the next steps by a graph."""
        i = loop.context.batch
        size = self.batches.sizes[i]
        with self._engine.programs.lock:
            self._graphs[size, count].launch()
            self._passed(i, count)
        return loop.stepped(size * count, count)

    def _passed(self, i: int, steps: int) -> None:
        """Note that this many steps were made, beginning with batch `i`."""
        self._engine.update.passed(steps)
        self._engine.programs.step_inputs.passed()
        self._engine.state.step += steps
        self._engine.state.results = self.batches.programs[i].results

    def _count(self, loop: FitLoop) -> int:
        """How many steps to make at once; a callback may need a safe point after some.

        Graphs between safe points could have any length; powers of two keep their number small.
        """
        due = loop.until_safe_point()
        count = min(self._most, self._alike(loop.context.batch), due)
        if due == maxsize or count in (0, self._most):
            return count
        return 1 << (count.bit_length() - 1)

    def _alike(self, i: int) -> int:
        """How many batches have this one's size, from this one on."""
        sizes = self.batches.sizes
        whole = len(sizes) - (sizes[-1] != sizes[0])
        return whole - i if i < whole else 1

    def _graph(self, size: int, count: int) -> Graph | None:
        """The graph of `count` steps; None if they cannot be captured."""
        if (size, count) not in self._graphs:
            compute, change = self._device.calls(size)
            try:
                graph = Graph(self._engine.backend, [*compute, *change] * count)
            except NotCaptured as error:
                self._give_up(str(error))
                return None
            self._graphs[size, count] = graph
        return self._graphs[size, count]

    def _give_up(self, reason: str) -> None:
        """Make the remaining steps call by call."""
        if self._explicit and self._most > 1:
            raise ArgumentError(
                f"steps_per_execution={self._most} is not possible here: the steps cannot be "
                f"captured ({reason}). Earlier steps have been made; leave steps_per_execution out."
            )
        _log(reason)
        self._most = 0


def _make(calls: Sequence[Callable[[], Any]]) -> None:
    for call in calls:
        call()
