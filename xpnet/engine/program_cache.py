"""The compiled programs of a network, kept for the next batch of their kind."""

from typing import Any, Protocol

from xpnet.backends import Backend
from xpnet.engine.batch_graph import BatchGraph, BatchSpec
from xpnet.engine.network import Network
from xpnet.engine.programs import InterpretedProgram, PlannedProgram, Program
from xpnet.engine.sparse_program import SparseProgram
from xpnet.engine.state import TrainState
from xpnet.engine.step_inputs import StepInputs
from xpnet.graph import Arena
from xpnet.locks import MODEL, reentrant
from xpnet.typing import Array

__all__ = ["Programs"]

_KEPT = 32  # compiled programs that are kept; the least recently used is dropped first


class PredictionShortcut(Protocol):
    """A shortcut for predictions; see `CachedPrediction`."""

    def takes(self, X: Any) -> bool:
        """Whether these inputs are like those before."""

    def __call__(self, X: Array) -> Array:
        """The network's output."""


class StepShortcut(Protocol):
    """A shortcut for steps on single batches; see `SingleStep`."""

    def takes(self, X: Any, y: Any) -> bool:
        """Whether these arrays are like those before."""

    def __call__(self, *arrays: Array) -> Array:
        """Make a step; its loss."""


class Programs:
    """The compiled programs of a network, one for each kind of batch; all share one memory.

    Attributes
    ----------
    lock : RLock
        Held from loading a program to reading its results: all of them share one memory.
    cached_prediction : PredictionShortcut or None
        A shortcut for predictions like the last one.
    cached_step : StepShortcut or None
        A shortcut for steps on a batch like the last one.
    step_inputs : StepInputs
        What a training step reads besides its batch and the parameters.
    """

    def __init__(self, network: Network, backend: Backend, state: TrainState) -> None:
        self._network, self._backend, self._state = network, backend, state
        self.lock = reentrant(MODEL)
        self.cached_prediction: PredictionShortcut | None = None
        self.cached_step: StepShortcut | None = None
        self.step_inputs = StepInputs(backend)
        self._arena = self._new_arena()
        self._made: dict[BatchSpec, Program] = {}

    def _new_arena(self) -> Arena | None:
        backend: Any = self._backend
        return Arena(backend) if backend.planned else None

    def get(self, spec: BatchSpec, compiled: bool = True) -> Program:
        """The program for this kind of batch, compiled on first use.

        If not `compiled`, NumPy interprets it: that is ready sooner, and runs longer. Steps with a
        scaled loss, or for sparse inputs, are always compiled.
        """
        with self.lock:  # programs share memory even while they are made
            plain = self._backend.name == "numpy" and self._state.loss_scale is None
            if not compiled and plain and not spec.sparse:
                return self._made_for(spec, None)
            program = self._made.pop(spec, None) or self._compile(spec)
            self._made[spec] = program  # the most recently used comes last
            if len(self._made) > _KEPT:
                self._made.pop(next(iter(self._made)))
            return program

    def own(self, spec: BatchSpec) -> Program:
        """A new program with memory of its own, for a backend with plans."""
        with self.lock:
            return self._made_for(spec, self._new_arena())

    def _compile(self, spec: BatchSpec) -> Program:
        arena = self._arena
        if arena is None:
            return self._made_for(spec, None)
        memory = arena.memory
        program = self._made_for(spec, arena)
        if arena.memory is not memory:
            self._drop()  # they would keep the smaller memory alive
        return program

    def _made_for(self, spec: BatchSpec, arena: Arena | None) -> Program:
        """A new program; without an arena, it is interpreted."""
        state, table = self._state, self._network.table
        batch_graph = BatchGraph.of(self._network, spec, state.loss_scale is not None)
        inputs = self.step_inputs
        step = inputs.declare(batch_graph.graph.step_values)
        if arena is None:
            return InterpretedProgram(self._backend, table, state, batch_graph, inputs)
        planned = PlannedProgram(self._backend, table, state, batch_graph, arena, step, spec)
        if not spec.sparse:
            return planned
        return SparseProgram(planned, self._backend, table, state)

    def forget(self) -> None:
        """Drop the compiled programs and their memory; they are compiled again when needed."""
        self._drop()
        self._arena = self._new_arena()

    def _drop(self) -> None:
        self._made.clear()
        self.cached_prediction = self.cached_step = None
