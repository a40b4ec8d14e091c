"""Applies an optimiser's chain of rules to a network's flat vectors."""

from collections.abc import Callable
from typing import Any

from xpnet import ops
from xpnet.backends import PlannedBackend
from xpnet.kernels import Recorder, find
from xpnet.optim import Link, Optimizer
from xpnet.train.network import Network

__all__ = ["Updater"]

_FLUSH_STEPS = 32
_TINY = {"float32": 1e-30, "float64": 1e-200}  # far above the denormals, far below any effect


class Updater:
    """One optimiser at work on one network: its slots and its step count.

    Attributes
    ----------
    slots : dict of str to array
        The optimiser's running vectors, as long as the parameters.
    step : int
        Updates made so far.
    """

    def __init__(self, network: Network, optimizer: Optimizer) -> None:
        self._network, self._optimizer = network, optimizer
        self._chain = optimizer.chain()
        self.reset()

    def reset(self) -> None:
        """Start again: empty slots, step 0."""
        network, backend = self._network, self._network.backend
        names = [n for link in self._chain for n in link.update.slots]
        self.slots = {n: backend.zeros((network.table.size,), network.dtype) for n in names}
        self.step = 0
        count = max(len(link.update.coefficients) for link in self._chain)
        self._coefficients = backend.zeros((count,), network.dtype)
        self._written: tuple[float, ...] = ()
        self._calls = self._bind() if isinstance(backend, PlannedBackend) else None
        flushing = backend.denormals_cost and self._calls is not None
        self._flushes = self._bind_flushes() if flushing else []

    def resume(self, other: "Updater") -> None:
        """Take over the state of another updater of the same optimiser."""
        backend = self._network.backend
        for name, vector in other.slots.items():
            if isinstance(backend, PlannedBackend):
                backend.write(self.slots[name], vector)
            else:
                self.slots[name] = vector
        self.step = other.step

    def _part(self, link: Link, vector: Any) -> Any:
        return vector[: self._network.table.decayed] if link.weights_only else vector

    def _bind(self) -> list[Callable[[], Any]]:
        """Record the calls of the whole chain."""
        network, backend = self._network, self._network.backend
        assert isinstance(backend, PlannedBackend)
        assert network.arena is not None
        recorder = Recorder(backend, network.arena.scratch)
        for link in self._chain:
            vectors = [network.params, network.grads, *(self.slots[n] for n in link.update.slots)]
            kernel = find(link.update, backend.families)
            recorder.bind(
                kernel.function,
                *(self._part(link, v) for v in vectors),
                *self._numbers(link),
                **link.static,
            )
        return recorder.calls

    def _bind_flushes(self) -> list[Callable[[], Any]]:
        """Record the calls of `_flush`, in pieces that stay in cache."""
        network, backend = self._network, self._network.backend
        assert isinstance(backend, PlannedBackend)
        assert network.arena is not None
        recorder = Recorder(backend, network.arena.scratch)
        kernel, below = find(ops.flush_to_zero, backend.families), _TINY[network.dtype]
        for slot in self.slots.values():
            for part, _ in recorder.blocks(slot):
                recorder.bind(kernel.function, part, part, below=below)
        return recorder.calls

    def _flush(self) -> None:
        """Set to 0 what is too small to matter in the slots.

        The slot of a unit without gradient decays by beta a step until it is denormal, and a CPU
        computes with denormal numbers some forty times slower.
        """
        if self._calls is None:
            xp, below = self._network.backend.xp, _TINY[self._network.dtype]
            flush = ops.flush_to_zero.fn
            self.slots = {n: flush(xp, v, below=below) for n, v in self.slots.items()}
        for call in self._flushes:
            call()

    def _numbers(self, link: Link) -> list[Any]:
        """The coefficients of a rule, as 0-d arrays."""
        reshape = self._network.backend.xp.reshape
        count = len(link.update.coefficients)
        return [reshape(self._coefficients[i : i + 1], ()) for i in range(count)]

    def apply(self, rate: float) -> None:
        """Change the parameters by the gradients, with this learning rate.

        The gradient vector is the update's to overwrite.
        """
        self.step += 1
        values = self._optimizer.coefficients(rate, self.step)
        backend = self._network.backend
        if self._calls is None:
            self._coefficients = backend.asarray(list(values), self._network.dtype)
            self._interpret()
        else:
            if values != self._written:
                self._write(values)
            for call in self._calls:
                call()
        if backend.denormals_cost and self.step % _FLUSH_STEPS == 0:
            self._flush()

    def _write(self, values: tuple[float, ...]) -> None:
        for i, value in enumerate(values):
            self._coefficients[i] = value
        self._written = values

    def _interpret(self) -> None:
        """Apply the rules by their plain definitions."""
        network, xp = self._network, self._network.backend.xp
        for link in self._chain:
            names = link.update.slots
            vectors = [network.params, network.grads, *(self.slots[n] for n in names)]
            parts = [self._part(link, v) for v in vectors]
            new = link.update.fn(xp, *parts, *self._numbers(link), **link.static)
            if link.weights_only:
                cut = network.table.decayed
                new = [xp.concat([a, v[cut:]]) for a, v in zip(new, vectors, strict=True)]
            network.params, network.grads, *slots = new
            self.slots.update(zip(names, slots, strict=True))
