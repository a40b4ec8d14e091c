"""A network on a backend: its flat state, and one compiled program for each shape of batch.

    batch -> forward -> loss -> backward -> gradient vector -> update -> parameter vector

What is computed for a kind of batch is in `computation`, how it is run in `programs`.
"""

from collections.abc import Mapping, Sequence
from threading import RLock
from typing import TYPE_CHECKING, Any

from xpnet.backends import Backend, PlannedBackend
from xpnet.data.conversion import cast, check_finite, to_backend
from xpnet.engine.again import Again
from xpnet.engine.computation import Computation, Spec
from xpnet.engine.programs import InterpretedProgram, PlannedProgram, Program
from xpnet.errors import ArgumentError, GraphError, ShapeError
from xpnet.graph import Arena, Graph, ParameterTable, Value, initialise, trace, under
from xpnet.nn import LayerLike, Loss, Metric, loss_metric
from xpnet.typing import Shape

if TYPE_CHECKING:
    from xpnet.lowering.cuda.precision import LossScale

__all__ = ["Network"]

_PROGRAMS = 32  # compiled programs that a network keeps; the least used goes first
_ROWS = 7  # samples in the trace that finds the parameters; any number would do


class Network:
    """A traced network with its parameters and gradients, each one flat vector.

    Parameters
    ----------
    layer : callable
        The network, a function of one symbolic value.
    loss : Loss
    metrics : dict of str to Metric
    backend : Backend
    dtype : str
    seed : int
    features : tuple of int
        Shape of one sample.
    frozen : tuple of str
        Dotted names of parameters and layers that are not trained.
    start : mapping of str to array, optional
        Values of the parameters on the backend; by default they are drawn.

    Attributes
    ----------
    measures : dict of str to Metric
        The loss, then the metrics.
    step : 0-d array
        Number of the training step, from which dropout and noise are drawn.
    loss_scale : LossScale or None
        What float16 gradients are multiplied by.
    lock : RLock
        To be held from loading a program to reading its results: all share one memory.
    again : Again or None
        A short way for predictions like the last one.
    """

    def __init__(
        self,
        layer: LayerLike,
        loss: Loss,
        metrics: dict[str, Metric],
        backend: Backend,
        dtype: str,
        seed: int,
        features: Shape,
        frozen: tuple[str, ...] = (),
        start: Mapping[str, Any] | None = None,
    ) -> None:
        self.layer, self.loss, self.metrics, self.frozen = layer, loss, metrics, frozen
        self.backend, self.dtype, self.features, self.seed = backend, dtype, features, seed
        self.measures = {"loss": loss_metric(loss), **metrics}
        self.graph, made = self._trace(_ROWS, training=False)
        output = made.shape
        if output[:1] != (_ROWS,):
            raise ShapeError(
                f"the network must keep one row a sample: of {_ROWS} samples it made an output of "
                f"shape {output}."
            )
        self.output_shape = output[1:]
        self.table = ParameterTable.of(self.graph)
        self._check_trainable()
        start = initialise(self.graph, backend, dtype, seed) if start is None else start
        flat = self.table.flatten(backend.xp, start)
        self.params = backend.zeros(flat.shape, dtype)
        self.set_params(flat)
        self.grads = backend.zeros((self.table.trainable,), dtype)
        self.step = backend.zeros((), "int64")
        self.lock = RLock()
        self.arena = Arena(backend) if isinstance(backend, PlannedBackend) else None
        self.loss_scale = _loss_scale(backend)
        self.again: Again | None = None
        self._programs: dict[Spec, Program] = {}

    def _trace(self, rows: int, training: bool) -> tuple[Graph, Value]:
        declared = [("x", (rows, *self.features), self.dtype)]
        return trace(self.layer, declared, training=training, seed=self.seed, frozen=self.frozen)

    def _check_trainable(self) -> None:
        """Raise unless something is left to train, and everything frozen exists."""
        for name in self.frozen:
            self._check_known(name)
        if not self.table.trainable:
            what = "no parameters that are not frozen" if self.frozen else "no parameters"
            raise GraphError(f"the network has {what}, so there is nothing to train.")

    def _check_known(self, name: str) -> None:
        if not any(under(name, path) for path in self.table.specs):
            raise ArgumentError(
                f"no layer or parameter is called {name!r}: the parameters are "
                f"{', '.join(self.table.specs)}."
            )

    # --- state --------------------------------------------------------------------------------

    def set_step(self, step: int) -> None:
        """Set the number of the training step."""
        if isinstance(self.backend, PlannedBackend):
            self.backend.write(self.step, step)
        else:
            self.step = self.backend.asarray(step, "int64")

    def set_params(self, params: Any) -> None:
        """Set the flat parameter vector."""
        if isinstance(self.backend, PlannedBackend):
            self.backend.write(self.params, params)
        else:
            self.params = self.backend.copy(params)

    def views(self, vector: Any) -> dict[str, Any]:
        """The parts of a flat vector, of parameters or of gradients, by name."""
        trained = vector.shape[0] == self.table.trainable
        names = self.table.trained if trained else self.table.specs
        return {name: self.table.view(self.backend.xp, vector, name) for name in names}

    def load(self, arrays: Mapping[str, Any], only: Sequence[str] | None = None) -> None:
        """Set the parameters from arrays by name, of any library, after checking all.

        With `only`, those under these dotted names alone.
        """
        arrays = arrays if only is None else self._selected(arrays, only)
        names = {name: f"parameter {name!r}" for name in arrays}
        found = {name: to_backend(names[name], a, self.backend) for name, a in arrays.items()}
        self.table.check(found, {name: a.shape for name, a in found.items()})
        typed = {name: cast(a, self.backend, self.dtype) for name, a in found.items()}
        for name, a in typed.items():
            check_finite(names[name], a, self.backend)
        self.set_params(self.table.flatten(self.backend.xp, typed))

    def _selected(self, arrays: Mapping[str, Any], only: Sequence[str]) -> dict[str, Any]:
        """The arrays under these dotted names, and the network's own parameters elsewhere."""
        for name in only:
            self._check_known(name)
        wanted = [p for p in self.table.specs if any(under(name, p) for name in only)]
        missing = [path for path in wanted if path not in arrays]
        if missing:
            raise ShapeError(
                f"the state has no {', '.join(missing)}; it has {', '.join(arrays) or 'nothing'}."
            )
        return self.views(self.params) | {path: arrays[path] for path in wanted}

    def clone(self, frozen: tuple[str, ...] | None = None) -> "Network":
        """A network with memory of its own and the same parameters, perhaps frozen otherwise."""
        return Network(
            self.layer,
            self.loss,
            self.metrics,
            self.backend,
            self.dtype,
            self.seed,
            self.features,
            self.frozen if frozen is None else frozen,
            self.views(self.params),
        )

    # --- programs -----------------------------------------------------------------------------

    def program(self, spec: Spec) -> Program:
        """The program for this kind of batch, compiled when it is first asked for."""
        with self.lock:  # programs share memory while they are made, too
            program = self._programs.pop(spec, None) or self._compile(spec)
            self._programs[spec] = program  # last in the order in which they were used
            if len(self._programs) > _PROGRAMS:
                self._programs.pop(next(iter(self._programs)))
            return program

    def _compile(self, spec: Spec) -> Program:
        computation = self.compute(spec)
        if self.arena is None:
            return InterpretedProgram(self, computation)
        memory = self.arena.memory
        program = PlannedProgram(self, computation)
        if self.arena.memory is not memory:
            self._drop()  # they would keep the smaller memory alive
        return program

    def forget(self) -> None:
        """Drop the compiled programs and their memory; they are compiled again when needed."""
        self._drop()
        if isinstance(self.backend, PlannedBackend):
            self.arena = Arena(self.backend)

    def _drop(self) -> None:
        self._programs.clear()
        self.again = None

    def compute(self, spec: Spec) -> Computation:
        """The graph of a program and its outputs."""
        graph, output = self._trace(spec.rows, spec.mode == "train")
        if {n: s.shape for n, s in graph.specs.items()} != self.table.shapes:
            raise GraphError(
                f"traced again, the network has the parameters {', '.join(graph.specs)}, before it "
                f"had {', '.join(self.table.specs)}: it must make the same layers at every call."
            )
        scaled = self.loss_scale is not None
        return Computation.of(spec, graph, output, self.measures, self.table, scaled)


def _loss_scale(backend: Backend) -> "LossScale | None":
    if backend.precision != "float16":
        return None
    from xpnet.lowering.cuda.precision import LossScale

    return LossScale()
