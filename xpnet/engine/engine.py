"""A network on a device, with its state: gradients and updates.

    batch -> forward -> loss -> backward -> gradient | update -> parameters

The bar is the cut. Code that uses the gradient (to inspect it, or add it to others) runs in
`at_cut`, between the two halves of `Engine.step`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self

from xpnet.backends import Backend, get
from xpnet.data.arrays import Data
from xpnet.data.conversion import cast, check_finite, to_backend
from xpnet.engine.batch_graph import BatchSpec
from xpnet.engine.config import ModelConfig
from xpnet.engine.data_initialization import fitted_values, sample_of
from xpnet.engine.lookup_checks import LookupChecks
from xpnet.engine.network import Network
from xpnet.engine.program_cache import Programs
from xpnet.engine.programs import Program
from xpnet.engine.state import TrainState
from xpnet.engine.update import UpdateProgram
from xpnet.engine.update_graph import slot_names
from xpnet.graph import initialize, under_any
from xpnet.lowering import blas_threads, one_thread, shares
from xpnet.ops.loss_scale import FIRST
from xpnet.optim import Optimizer
from xpnet.typing import Array

__all__ = ["Engine"]


class Loaded(Protocol):
    """Data in batches, as a step needs them; see `Batches`."""

    threads: AbstractContextManager[Any]

    def load(self, i: int) -> Program:
        """The program of batch `i`, loaded with it."""


class Engine:
    """A network on a backend, with its state and an optimizer.

    Parameters
    ----------
    network : Network
    backend : Backend
    optimizer : Optimizer
    start : mapping of str to array, optional
        Values of the parameters on the backend; by default they are drawn.

    Attributes
    ----------
    state : TrainState
    programs : Programs
    checks : LookupChecks
    update : UpdateProgram
    threads : Pool or None
        The BLAS's threads; see `blas_threads`.
    """

    def __init__(
        self,
        network: Network,
        backend: Backend,
        optimizer: Optimizer,
        start: Mapping[str, Array] | None = None,
    ) -> None:
        self.network, self.backend, self.threads = network, backend, blas_threads(backend)
        table, dtype = network.table, network.dtype
        awaiting = network.data_driven if start is None else ()
        if start is None:
            start = initialize(network.graph, backend, dtype, network.seed)
        params = table.flatten(backend, start)
        self.state = TrainState.of(backend, table, dtype, params, _loss_scale(backend))
        self.state.awaiting = awaiting
        self.programs = Programs(network, backend, self.state)
        self.checks = LookupChecks(network)
        self._parts = backend.compiled(self._copies) if backend.traced else self._views
        self.set_optimizer(optimizer)

    def set_optimizer(self, optimizer: Optimizer) -> None:
        """Continue with an optimizer whose vectors are empty."""
        network, backend = self.network, self.backend
        update = UpdateProgram(optimizer, network.table, backend, self.state, network.dtype)
        with self.programs.lock:  # between two steps
            self.state.new_slots(backend, slot_names(optimizer))  # no rule was refused
            self.programs.cached_step, self.update = None, update

    @property
    def optimizer(self) -> Optimizer:
        """The current optimizer."""
        return self.update.optimizer

    def made_for(self, config: ModelConfig) -> bool:
        """Whether the engine has the optimizer and the frozen names of these settings."""
        return self.optimizer is config.optimizer and self.network.frozen == config.frozen

    def like(self, other: Self) -> bool:
        """Whether data accepted for the other engine can be given to this one."""
        mine, theirs = self.network.features, other.network.features
        return self is other or (mine == theirs and self.backend.name == other.backend.name)

    def learning_rate(self, share: float = 0.0) -> float:
        """The learning rate after this share of the current epoch."""
        epoch = self.state.epoch
        return self.optimizer.rate(epoch + share if share else epoch)

    # --- a step -------------------------------------------------------------------------------

    def step(
        self,
        batches: "Loaded",
        i: int,
        at_cut: Callable[[int, Program], float],
        share: float = 0.0,
    ) -> None:
        """Make one step: the gradient of a batch, what `at_cut` does with it, the update.

        Parameters
        ----------
        batches : Batches
        i : int
            Number of the batch.
        at_cut : callable
            ``at_cut(i, program)`` returns the learning rate of the update.
        share : float
            The finished share of the current epoch.
        """
        state, lock = self.state, self.programs.lock
        with lock, batches.threads:
            program = batches.load(i)
            values = program.batch_graph.graph.step_values
            if values.number is not None or values.scheduled:
                self.set_step(program, state.step, share)
            program.run()
            state.results = program.results
        try:
            learning_rate = at_cut(i, program)
        except BaseException:
            state.forget_overflow()
            raise
        with lock:
            self.change(program, learning_rate, share)

    def set_step(self, program: Program, number: int, share: float = 0.0) -> None:
        """Set what the program reads besides its batch: the step's number, scheduled numbers."""
        values, inputs = program.batch_graph.graph.step_values, self.programs.step_inputs
        if values.number is not None:
            inputs.set_number(number)
        if values.scheduled:
            inputs.set_scheduled(self.state.epoch, share)

    def change(self, program: Program | None, learning_rate: float, share: float = 0.0) -> None:
        """Update the parameters with the gradient that this program, or several, computed."""
        state = self.state
        before = state.updates
        state.begun += 1
        try:
            self.update.run(learning_rate, share, program)
            if program is not None and program.batch_graph.state:
                program.commit()
        except MemoryError:
            if state.updates != before:  # a part of it may be done
                state.restore(self.backend)
            raise
        state.step += 1
        state.done = state.begun

    def batch_spec(self, mode: str, rows: int, data: Data, threads: int | None = None) -> BatchSpec:
        """The computation for batches of these data, shared by at most `threads`."""
        products = 6 if mode in ("train", "accumulate") else 2  # flops per weight and row
        flops = products * self.network.multiplied(data.sparse) * rows
        found = shares(self.backend, threads, rows, flops)
        return BatchSpec.of(mode, rows, data, found, one_thread(self.backend, threads))

    # --- state --------------------------------------------------------------------------------

    def views(self, vector: Array) -> dict[str, Array]:
        """The parts of a flat vector of parameters or gradients, by name.

        They are views where the library has views. Where it compiles whole functions, they are
        copies, because a step reuses the vector's memory.
        """
        return self._parts(vector)

    def parameters(self) -> dict[str, Array]:
        """All current parameters by name; see `views`."""
        with self.programs.lock:  # a step may be re-using their memory
            return self.views(self.state.params)

    def gradients(self) -> dict[str, Array]:
        """The gradient of each trained parameter by name; see `views`."""
        with self.programs.lock:
            return self.views(self.state.gradient)

    def _views(self, vector: Array) -> dict[str, Array]:
        table = self.network.table
        names = table.trained if vector.shape[0] == table.trainable else table.specs
        return {name: table.view(self.backend.xp, vector, name) for name in names}

    def _copies(self, vector: Array) -> dict[str, Array]:
        return {name: self.backend.copy(view) for name, view in self._views(vector).items()}

    def finite(self) -> bool:
        """Whether every parameter is a finite number; this waits for a GPU."""
        return self.backend.finite(self.state.params)

    def keep(self, when: str) -> None:
        """Remember the current parameters as good."""
        with self.programs.lock:
            self.state.keep(self.backend, when)

    def restore(self) -> str:
        """Restore the parameters kept last and reset the optimizer; return when they were kept."""
        with self.programs.lock:
            return self.state.restore(self.backend)

    def recover(self, params: Array) -> None:
        """Restore the parameters kept last, or these, after a failure that took the memory."""
        state = self.state
        length, dtype = self.network.table.trainable, self.network.dtype
        state.vectors["gradient"] = self.backend.zeros((length,), dtype)
        if state.good is None:
            state.set_params(self.backend, params)
        self.restore()

    def initialize(self, data: Data) -> None:
        """Set the initial values that depend on data, if some still wait for them."""
        state, backend, network = self.state, self.backend, self.network
        if not state.awaiting:
            return
        host = get("numpy")
        start = {name: backend.to_numpy(array) for name, array in self.parameters().items()}
        with host.quiet():
            x = sample_of(data, network.seed)
            found = fitted_values(network, state.awaiting, start, x)
        typed = {n: host.xp.astype(a, host.dtype(network.dtype)) for n, a in found.items()}
        new = {name: backend.asarray(array, network.dtype) for name, array in typed.items()}
        with self.programs.lock:
            params = network.table.flatten(backend, {**self.views(state.params), **new})
            state.set_params(backend, params)
            state.awaiting = ()

    def load(self, arrays: Mapping[str, Any], only: Sequence[str] | None = None) -> None:
        """Set the parameters from arrays by name, of any library; the optimizer starts again.

        With `only`, set just those under these dotted names. Everything is checked beforehand.
        """
        with self.programs.lock:  # no step may come in between
            waiting: tuple[str, ...] = ()
            if only is not None:
                arrays = self.network.selected(arrays, only, self.views(self.state.params))
                waiting = tuple(n for n in self.state.awaiting if not under_any(only, n))
            self._put(self._checked(arrays), waiting)

    def _checked(self, arrays: Mapping[str, Any]) -> dict[str, Array]:
        """The arrays on the backend, in the model's type, if they fit and are finite."""
        backend, table = self.backend, self.network.table
        names = {name: f"parameter {name!r}" for name in arrays}
        found = {name: to_backend(names[name], a, backend) for name, a in arrays.items()}
        table.check(found, {name: a.shape for name, a in found.items()})
        typed = {name: cast(a, backend, self.network.dtype) for name, a in found.items()}
        for name, array in typed.items():
            check_finite(names[name], array, backend)
        return typed

    def _put(self, arrays: Mapping[str, Array], awaiting: tuple[str, ...]) -> None:
        """Set all parameters; the optimizer starts again."""
        backend, state = self.backend, self.state
        state.set_params(backend, self.network.table.flatten(backend, arrays))
        state.reset_slots(backend)
        state.awaiting = awaiting
        self.keep("the state that was loaded")

    def retraced(self, network: Network) -> Self:
        """The same parameters in the retraced network; its optimizer starts again."""
        with self.programs.lock:
            twin = type(self)(network, self.backend, self.optimizer, self.views(self.state.params))
            twin.state.epoch, twin.state.step = self.state.epoch, self.state.step
            twin.state.awaiting, twin.state.sizes = self.state.awaiting, self.state.sizes
        return twin

    def copy(self, optimizer: Optimizer) -> Self:
        """An independent engine with the same state, and a copy of the optimizer."""
        with self.programs.lock:  # between two steps
            twin = type(self)(self.network, self.backend, optimizer, self.views(self.state.params))
            twin.state.put(self.backend, self.state)
        return twin


def _loss_scale(backend: Backend) -> Array:
    """The initial loss scale of a float16 model; None for others."""
    if backend.precision != "float16":
        return None
    return backend.asarray([FIRST, 0.0, 0.0, 0.0], "float32")
