"""Applies an optimiser's chain of rules to the trained part of a network's flat vectors."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from xpnet import ops
from xpnet.backends import PlannedBackend
from xpnet.engine.network import Network
from xpnet.errors import ArgumentError
from xpnet.kernels import Recorder, find
from xpnet.lowering import lower
from xpnet.optim import Link, Optimizer
from xpnet.typing import Namespace, size_of

__all__ = ["Updater"]

_FLUSH_STEPS = 32
_TINY = {"float32": 1e-30, "float64": 1e-200}  # far above the denormals, far below any effect


class Updater:
    """One optimiser at work on one network: its slots and its step count.

    A step applies the chain's rules, then the parameters' constraints, and takes the average.

    Attributes
    ----------
    slots : dict of str to array
        The optimiser's running vectors, as long as the trained parameters.
    step : int
        Updates made so far.
    coefficients : array
        The numbers that the rules read in a step, such as the learning rate.
    """

    def __init__(self, network: Network, optimizer: Optimizer) -> None:
        self._network, self._optimizer = network, optimizer
        self._chain, self._averaging = optimizer.chain(), optimizer.averaging()
        self._constrained = {
            name: network.table.specs[name].constraint
            for name in network.table.trained
            if network.table.specs[name].constraint is not None
        }
        self._begin()

    def _begin(self) -> None:
        """Empty slots, step 0, nothing bound."""
        network, backend = self._network, self._network.backend
        updates = [link.update for link in (*self._chain, *self._averaging)]
        length = (network.table.trainable,)
        self.slots = {n: backend.zeros(length, network.dtype) for u in updates for n in u.slots}
        self.step = 0
        names = dict.fromkeys(name for u in updates for name in u.coefficients)
        self._places = {name: i for i, name in enumerate(names)}
        self.coefficients = backend.zeros((len(names),), network.dtype)
        self._written: dict[str, float] = {}
        # Bound when they are first needed: a model that only predicts is ready sooner.
        self._planned = isinstance(backend, PlannedBackend)
        self._calls: list[Callable[[], Any]] = []
        self._flushes: list[Callable[[], Any]] = []
        self._definitions: list[str] = []

    def reset(self) -> None:
        """Start again: empty slots, step 0."""
        backend = self._network.backend
        for name, vector in self.slots.items():
            if isinstance(backend, PlannedBackend):
                backend.write(vector, 0)
            else:
                self.slots[name] = backend.zeros(vector.shape, self._network.dtype)
        self.step = 0

    def put(self, slots: Mapping[str, Any], step: int) -> None:
        """Set the state to that of another updater of the same optimiser."""
        backend = self._network.backend
        for name, vector in slots.items():
            if isinstance(backend, PlannedBackend):
                backend.write(self.slots[name], vector)
            else:
                self.slots[name] = vector
        self.step = step

    def average(self) -> Any:
        """The running average of the trained parameters, as a new flat vector.

        Raises
        ------
        ArgumentError
            If the optimiser keeps none.
        """
        decay = self._optimizer.average_decay
        if decay is None:
            raise ArgumentError(
                "the optimizer keeps no average of the parameters: give it one, such as "
                f"xpnet.{type(self._optimizer).__name__}(average_decay=0.99)."
            )
        network = self._network
        if self.step == 0:
            return network.backend.copy(network.params[: network.table.trainable])
        return self.slots["average"] / (1 - decay**self.step)

    def apply(self, rate: float) -> None:
        """Change the parameters by the gradients, with this learning rate.

        The gradient vector is the update's to overwrite.
        """
        calls = self._calls or self._bind()
        self.step += 1
        values = self._optimizer.coefficients(rate, self.step)
        if values != self._written:
            self._write(values)
        if not self._planned:
            self._interpret()
        for call in calls:
            call()
        if self._network.backend.denormals_cost and self.step % _FLUSH_STEPS == 0:
            self._flush()

    # --- parts of the vectors -----------------------------------------------------------------

    def _parts(self, link: Link) -> list[slice]:
        """The pieces of the flat vectors that a rule is applied to, one after the other."""
        table = self._network.table
        end = table.decayed if link.weights_only else table.trainable
        if not link.per_parameter:
            return [slice(0, end)]
        parts = [self._slice(name) for name in table.trained]
        return [part for part in parts if part.stop <= end]

    def _slice(self, name: str) -> slice:
        table = self._network.table
        start = table.offsets[name]
        return slice(start, start + size_of(table.specs[name].shape))

    def _vectors(self, link: Link) -> list[Any]:
        """What a rule reads and changes: parameters, gradients, its slots."""
        slots = [self.slots[name] for name in link.update.slots]
        return [self._network.params, self._network.grads, *slots]

    # --- coefficients -------------------------------------------------------------------------

    def ahead(self, rates: Iterable[float]) -> list[list[float]]:
        """The coefficients of the next steps, which have these learning rates, a row a step."""
        steps = enumerate(rates, self.step + 1)
        found = [self._optimizer.coefficients(rate, step) for step, rate in steps]
        return [[values[name] for name in self._places] for values in found]

    def passed(self, steps: int) -> None:
        """Note that so many steps were made by `calls`, with coefficients from `ahead`."""
        self.step += steps
        self._written = {}

    def _numbers(self, link: Link) -> list[Any]:
        """The coefficients of a rule, as 0-d arrays."""
        reshape = self._network.backend.xp.reshape
        places = [self._places[name] for name in link.update.coefficients]
        return [reshape(self.coefficients[i : i + 1], ()) for i in places]

    def _write(self, values: dict[str, float]) -> None:
        if not self._planned:
            ordered = [values[name] for name in self._places]
            self.coefficients = self._network.backend.asarray(ordered, self._network.dtype)
        else:
            for name, place in self._places.items():
                self.coefficients[place] = values[name]
        self._written = values

    # --- by kernels ---------------------------------------------------------------------------

    def _recorder(self) -> Recorder:
        # With scratch memory of its own, most of which is free again when the calls are compiled.
        backend = self._network.backend
        assert isinstance(backend, PlannedBackend)
        return Recorder(backend)

    @property
    def calls(self) -> list[Callable[[], Any]]:
        """What makes a step where there are kernels; bound when it is first needed."""
        return self._calls or self._bind()

    @property
    def definitions(self) -> list[str]:
        """Names of the rules that are computed by their definitions, for want of a kernel."""
        return self._definitions if self.calls else []

    def _bind(self) -> list[Callable[[], Any]]:
        """Record the calls of a whole step, where there are kernels."""
        if not self._planned:
            return []
        recorder = self._recorder()
        for link in self._chain:
            self._bind_link(recorder, link)
        for name, constraint in self._constrained.items():
            self._bind_constraint(recorder, name, constraint)
        for link in self._averaging:
            self._bind_link(recorder, link)
        spare = [self._network.grads, *recorder.borrowed]
        self._calls = lower(recorder.backend, recorder.calls, spare)
        network = self._network
        if network.loss_scale is not None:
            trained = network.params[: network.table.trainable]
            self._calls = network.loss_scale.guarded(self._calls, [trained, *self.slots.values()])
        if self._network.backend.denormals_cost:
            self._flushes = self._bind_flushes()
        return self._calls

    def _bind_link(self, recorder: Recorder, link: Link) -> None:
        kernel = find(link.update, recorder.backend.families)
        for part in self._parts(link):
            vectors = [vector[part] for vector in self._vectors(link)]
            recorder.bind(kernel.function, *vectors, *self._numbers(link), **link.static)
        if kernel.family == "definition":
            self._definitions.append(link.update.name)

    def _bind_constraint(self, recorder: Recorder, name: str, constraint: Any) -> None:
        network, raw = self._network, recorder.raw
        kernel = find(constraint.op, recorder.backend.families)
        view = network.table.view(network.backend.xp, network.params, name)
        out = view if 0 in kernel.inplace else raw.empty(view.shape, dtype=network.dtype)
        recorder.bind(kernel.function, out, view, **constraint.static)
        if out is not view:
            recorder(raw.copyto, view, out)

    def _bind_flushes(self) -> list[Callable[[], Any]]:
        """Record the calls of `_flush`, in pieces that stay in cache."""
        recorder, below = self._recorder(), _TINY[self._network.dtype]
        kernel = find(ops.flush_to_zero, recorder.backend.families)
        for slot in self.slots.values():
            for part, _ in recorder.blocks(slot):
                recorder.bind(kernel.function, part, part, below=below)
        return lower(recorder.backend, recorder.calls, recorder.borrowed)

    def _flush(self) -> None:
        """Set to 0 what is too small to matter in the slots.

        The slot of a unit without gradient decays by beta a step until it is denormal, and a CPU
        computes with denormal numbers some forty times slower.
        """
        if not self._planned:
            xp, below = self._network.backend.xp, _TINY[self._network.dtype]
            flush = ops.flush_to_zero.fn
            self.slots = {n: flush(xp, v, below=below) for n, v in self.slots.items()}
            return
        for call in self._flushes:
            call()

    # --- by definitions -----------------------------------------------------------------------

    def _interpret(self) -> None:
        """Make a step by the plain definitions."""
        for link in self._chain:
            self._interpret_link(link)
        network, xp = self._network, self._network.backend.xp
        for name, constraint in self._constrained.items():
            view = network.table.view(xp, network.params, name)
            new = xp.reshape(constraint.op.fn(xp, view, **constraint.static), (-1,))
            network.params = _replaced(xp, network.params, self._slice(name), new)
        for link in self._averaging:
            self._interpret_link(link)

    def _interpret_link(self, link: Link) -> None:
        network, xp = self._network, self._network.backend.xp
        for part in self._parts(link):
            vectors = self._vectors(link)
            pieces = [vector[part] for vector in vectors]
            new = link.update.fn(xp, *pieces, *self._numbers(link), **link.static)
            network.params, network.grads, *slots = [
                _replaced(xp, vector, part, values)
                for vector, values in zip(vectors, new, strict=True)
            ]
            self.slots.update(zip(link.update.slots, slots, strict=True))


def _replaced(xp: Namespace, vector: Any, part: slice, values: Any) -> Any:
    """The vector with other values in this part."""
    if values.shape == vector.shape:
        return values
    return xp.concat([vector[: part.start], values, vector[part.stop :]])
