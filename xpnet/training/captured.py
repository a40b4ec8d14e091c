"""Steps of an epoch as CUDA graphs: the host launches many at a time and looks at none.

The order of the samples, the coefficients of every step and the log of the results are on the
device, and so is the number of the step, by which kernels find their rows. A step is made call by
call the first time that there is one of its size, and in each epoch's first step, whose loss is
looked at; then its calls are captured, and `steps_per_graph` of them are launched as one.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from logging import getLogger
from sys import maxsize
from typing import TYPE_CHECKING, Any

from xpnet.data.targets import Data
from xpnet.engine.network import Network
from xpnet.engine.programs import PlannedProgram, Program
from xpnet.engine.trainer import Trainer
from xpnet.engine.updater import Updater
from xpnet.errors import ArgumentError, ShapeError
from xpnet.lowering.cuda.graph import Graph, NotCaptured
from xpnet.lowering.cuda.steps import begin, end
from xpnet.training.callbacks import Callbacks

if TYPE_CHECKING:
    from xpnet.training.run import Run

__all__ = ["CapturedSteps", "captured_steps", "usual_steps"]

_SMALL, _MANY = 2e9, 32  # operations of a step that is small; steps that then make a graph


def usual_steps(network: Network, batch_size: int) -> int:
    """Steps in one graph where the user does not say: many if each is small.

    A launch costs the host some microseconds. A step of n parameters and a batch of m samples
    makes about 6 n m operations, two for each of the three products with a weight. (A rule by
    arithmetic: it has not been measured.)
    """
    return _MANY if 6 * network.table.trainable * batch_size < _SMALL else 1


def captured_steps(
    trainer: Trainer,
    callbacks: Callbacks,
    data: Data,
    sizes: Sequence[int],
    programs: Mapping[int, Program],
    log: Any,
    wanted: int | None,
) -> "CapturedSteps | None":
    """The captured steps of a fit; None where steps are made call by call, which is logged.

    Raises
    ------
    ArgumentError
        If the user wants several steps in a graph (`wanted`) where there can be none.
    """
    network = trainer.network
    if network.backend.index is None:
        reason: str | None = f"{network.backend.name} has no CUDA graphs"
    else:
        reason = "as asked" if wanted == 0 else _refusal(trainer, callbacks, data, programs)
    if reason is None:
        steps = usual_steps(network, sizes[0]) if wanted is None else wanted
        explicit = wanted is not None
        try:
            return CapturedSteps(trainer, data.arrays, sizes, programs, log, steps, explicit)
        except ShapeError as error:  # the kernel that fetches a batch is not for these
            reason = str(error).removesuffix(".")
    # A program written for a GPU runs unchanged where XPNET_FALLBACK puts it on a CPU.
    elsewhere = network.backend.index is None and bool(os.environ.get("XPNET_FALLBACK"))
    if wanted is not None and wanted > 1 and not elsewhere:
        raise ArgumentError(
            f"steps_per_graph={wanted} is not possible: {reason}. Leave it out: steps are then "
            "captured where they can be."
        )
    if network.backend.index is not None:
        _log(reason)
    return None


def _log(reason: str) -> None:
    getLogger("xpnet").info("steps are launched call by call, without CUDA graphs: %s", reason)


def _refusal(
    trainer: Trainer, callbacks: Callbacks, data: Data, programs: Mapping[int, Program]
) -> str | None:
    """Why steps on this GPU cannot be captured; None if they can, as far as can be told before."""
    from xpnet.lowering.cuda.gemm import usable

    backend: Any = trainer.network.backend
    good, reason = usable(backend.cupy, backend.precision)
    if not good:
        return f"matrix products cannot be captured ({reason})"
    if data.place.name != backend.name:
        return "the data do not fit on the device and are streamed from the host"
    plans = [p.plan for p in programs.values() if isinstance(p, PlannedProgram)]
    plain = [*plans[0].definitions, *trainer.updater.definitions]
    if plain:
        return f"{', '.join(plain)} is computed by its definition, which may read or allocate"
    if callbacks.every_step:
        return f"{callbacks.every_step} looks at every step"
    schedule = trainer.optimizer.learning_rate
    if trainer.optimizer.varies and not type(schedule).__module__.startswith("xpnet."):
        return f"the learning rate is a function of one's own ({schedule!r}), asked in every step"
    return None


class CapturedSteps:
    """The steps of an epoch on one GPU.

    Parameters
    ----------
    trainer : Trainer
    arrays : sequence of array
        The data.
    sizes : sequence of int
        Samples of each batch of an epoch.
    programs : mapping of int to PlannedProgram
        By the size of the batch.
    log : array of shape (steps, results)
        Where the results are written.
    steps : int
        The most that make one graph; 0 for none, which makes every step call by call.
    explicit : bool
        Whether the user said so, who is then told if it cannot be done.

    Raises
    ------
    ShapeError
        If one kernel cannot fetch a batch of these arrays.
    """

    def __init__(
        self,
        trainer: Trainer,
        arrays: Sequence[Any],
        sizes: Sequence[int],
        programs: Mapping[int, Any],
        log: Any,
        steps: int,
        explicit: bool,
    ) -> None:
        self._network, self._arrays, self._sizes = trainer.network, arrays, sizes
        self._programs, self._log = programs, log
        self._most, self._explicit = min(steps, len(sizes)), explicit
        backend: Any = trainer.network.backend
        self._backend = backend
        self._counter = backend.zeros((1,), "int64")
        rows = arrays[0].shape[0]
        self._as_they_come = backend.raw.arange(0, rows, dtype="int64")
        self._order = backend.zeros((rows,), "int64")
        self._bind(trainer.updater)

    def begin(self, trainer: Trainer, order: Any, rates: Sequence[float], first: int) -> None:
        """Let an epoch begin with the step of this number, counted from 0.

        `rates` are the learning rates of the steps that are left.
        """
        backend = self._backend
        if trainer.updater is not self._updater:
            self._bind(trainer.updater)
        rows = trainer.updater.ahead(rates)
        backend.write(self._table[first:], backend.asarray(rows, self._network.dtype))
        backend.write(self._order, self._as_they_come if order is None else order)
        backend.write(self._counter, first)
        self._network.set_step(trainer.step)

    def _bind(self, updater: Updater) -> None:
        """The calls of a step of each size, with this updater."""
        network, backend = self._network, self._backend
        self._updater, numbers = updater, updater.coefficients
        self._table = backend.zeros((len(self._sizes), numbers.shape[0]), network.dtype)
        self._graphs: dict[tuple[int, int], Graph] = {}
        self._made: set[int] = set()  # sizes of which a step was made call by call
        self._parts: dict[int, _Parts] = {}
        for size, program in self._programs.items():
            moves = list(zip(self._arrays, program.places, strict=True))
            fetch = begin(
                backend, self._counter, self._order, self._sizes[0], self._table, numbers, moves
            )
            note = end(backend, self._counter, network.step, program.results, self._log)
            self._parts[size] = _Parts([fetch, program.run], [*updater.calls, program.commit, note])

    def step(self, run: "Run", i: int, look: Callable[[Trainer, float], None] | None) -> None:
        """Make one step call by call; `look` is told its loss before the update."""
        trainer, size = run.trainer, self._sizes[i]
        program, parts = self._programs[size], self._parts[size]
        with self._network.lock:
            parts.compute()
            if look is not None:
                look(trainer, float(program.results[0]))
            try:
                parts.change()
            except MemoryError:
                trainer.restore()
                raise
            trainer.passed(program, 1)
        self._made.add(size)
        run.stepped(size)

    def several(self, run: "Run", i: int) -> bool:
        """Make the next steps by a graph; false if the next one must be made call by call."""
        size = self._sizes[i]
        count = self._count(i, run.callbacks.until_safe_point(run.trainer.step))
        if not count or size not in self._made:
            return False
        with self._network.lock:
            graph = self._graph(size, count)
            if graph is None:
                return False
            graph.launch()
            run.trainer.passed(self._programs[size], count)
        run.stepped(size * count, count)
        return True

    def _count(self, i: int, due: int) -> int:
        """How many steps to make at once, where a callback needs a safe point behind `due`.

        Graphs between safe points might have any length; those of powers of two are few.
        """
        count = min(self._most, self._alike(i), due)
        if due == maxsize or count in (0, self._most):
            return count
        return 1 << (count.bit_length() - 1)

    def _alike(self, i: int) -> int:
        """How many batches from this one on have its size."""
        whole = len(self._sizes) - (self._sizes[-1] != self._sizes[0])
        return whole - i if i < whole else 1

    def _graph(self, size: int, count: int) -> Graph | None:
        """The graph of so many steps; None if they cannot be captured."""
        if (size, count) not in self._graphs:
            parts = self._parts[size]
            try:
                graph = Graph(self._backend, [parts.compute, parts.change] * count)
            except NotCaptured as error:
                self._give_up(str(error))
                return None
            self._graphs[size, count] = graph
        return self._graphs[size, count]

    def _give_up(self, reason: str) -> None:
        """Make the rest call by call."""
        if self._explicit and self._most > 1:
            raise ArgumentError(
                f"steps_per_graph={self._most} is not possible here: the steps cannot be captured "
                f"({reason}). The steps before this were made; leave steps_per_graph out."
            )
        _log(reason)
        self._most = 0


class _Parts:
    """The calls of a step: those up to its loss, and those that change what it began with."""

    def __init__(self, compute: list[Callable[[], Any]], change: list[Callable[[], Any]]) -> None:
        self._compute, self._change = compute, change

    def compute(self) -> None:
        for call in self._compute:
            call()

    def change(self) -> None:
        for call in self._change:
            call()
