"""The training loop: epochs of shuffled batches."""

from dataclasses import dataclass
from math import isfinite
from time import perf_counter
from typing import TYPE_CHECKING, Any

from xpnet import random
from xpnet.backends import dtype_name, get
from xpnet.errors import DivergedError
from xpnet.train.callbacks import Callbacks
from xpnet.train.history import History
from xpnet.train.network import Network, Program, Spec
from xpnet.train.progress import Progress

if TYPE_CHECKING:
    from xpnet.train.model import Model

__all__ = ["Data", "measure", "run_epochs"]

_SHUFFLE = 2  # the stream of random numbers that orders the samples


@dataclass(frozen=True)
class Data:
    """Checked arrays on the backend: inputs, targets and perhaps weights."""

    x: Any
    y: Any
    w: Any = None

    @property
    def rows(self) -> int:
        """Number of samples."""
        return int(self.x.shape[0])

    @property
    def arrays(self) -> list[Any]:
        """What a program is loaded with."""
        return [self.x, self.y] if self.w is None else [self.x, self.y, self.w]

    def spec(self, mode: str, rows: int) -> Spec:
        """The program for batches of these data."""
        dtype = dtype_name(self.y.dtype)
        return Spec(mode, rows, tuple(self.y.shape[1:]), dtype, self.w is not None)


def _batches(rows: int, batch_size: int) -> list[slice]:
    return [slice(i, min(i + batch_size, rows)) for i in range(0, rows, batch_size)]


def _average(results: Any, sizes: list[int], names: list[str], weighted: bool) -> dict[str, float]:
    """Mean of the batches' results, by their number of samples or their total weight."""
    shares = results[:, -1] if weighted else get("numpy").xp.asarray(sizes, dtype="float64")
    means = (results[:, : len(names)] * shares[:, None]).sum(axis=0) / shares.sum()
    return dict(zip(names, means.tolist(), strict=True))


def measure(network: Network, data: Data, batch_size: int) -> dict[str, float]:
    """Loss and metrics of these data, with the parameters as they are."""
    rows, sizes = [], []
    for part in _batches(data.rows, batch_size):
        sizes.append(part.stop - part.start)
        program = network.program(data.spec("evaluate", sizes[-1]))
        program.load(data.arrays, part)
        with network.backend.quiet():
            program.run()
        rows.append(network.backend.to_numpy(network.backend.copy(program.results)))
    results = get("numpy").xp.stack(rows).astype("float64")
    return _average(results, sizes, ["loss", *network.metrics], data.w is not None)


class _Epoch:
    """One pass over the data; keeps what a failure needs to be undone."""

    def __init__(self, model: "Model", data: Data, batch_size: int, shuffle: bool) -> None:
        self._model, self._data, self._shuffle = model, data, shuffle
        self._network: Network = model.network
        self._parts = _batches(data.rows, batch_size)
        self._sizes = [part.stop - part.start for part in self._parts]
        self._programs = {
            size: self._network.program(data.spec("train", size))
            for size in sorted(set(self._sizes), reverse=True)
        }
        backend = self._network.backend
        # NumPy's own results are ready at once; of others the whole epoch's are read at its end.
        self._log = get("numpy").xp.empty(
            (len(self._parts), self._network.result_count(data.spec("train", 1)))
        )
        self._pending: list[Any] = []
        self._synchronous = backend.name == "numpy"

    def run(self, rate: float, callbacks: Callbacks, progress: Progress) -> dict[str, float]:
        """Train on every batch once; return the mean loss and metrics."""
        model, network = self._model, self._network
        backend, order = network.backend, self._order()
        self._pending.clear()
        for i, (part, size) in enumerate(zip(self._parts, self._sizes, strict=True)):
            program = self._programs[size]
            program.load(self._data.arrays, part if order is None else order[part])
            program.run()
            if i == 0 or self._synchronous:
                self._check(i, float(program.results[0]))
            if i == 0:
                model.keep_good(backend.copy(network.params))
            self._record(i, program)
            model.updater.apply(rate)
            progress.step(size)
            for call in callbacks.step_end:
                call(model, model.updater.step)
        self._collect()
        names = ["loss", *network.metrics]
        return _average(self._log, self._sizes, names, self._data.w is not None)

    def _order(self) -> Any:
        """The order of the samples in this epoch, on the backend; None for as they come."""
        if not self._shuffle:
            return None
        network = self._network
        key = random.Key(self._model.seed, _SHUFFLE, self._model.epoch)
        if network.arena is not None:
            return random.permutation(network.backend.xp, key, self._data.rows)
        return network.backend.asarray(random.permutation(get("numpy").xp, key, self._data.rows))

    def _record(self, i: int, program: Program) -> None:
        if self._synchronous:
            self._log[i] = program.results
        else:
            self._pending.append(self._network.backend.copy(program.results))

    def _collect(self) -> None:
        """Read what the device computed, once an epoch, and check it."""
        if not self._pending:
            return
        backend = self._network.backend
        self._log[...] = backend.to_numpy(backend.xp.stack(self._pending))
        for i, loss in enumerate(self._log[:, 0].tolist()):
            self._check(i, loss)

    def _check(self, i: int, loss: float) -> None:
        """Stop at a loss that is not a number, with the last good parameters put back."""
        if isfinite(loss):
            return
        model, epoch = self._model, self._model.epoch + 1
        kept = model.restore_good()
        raise DivergedError(
            f"the loss became {loss} in epoch {epoch}, step {i + 1} of {len(self._parts)}. The "
            f"model was put back to its parameters of {kept}, and its optimizer was reset. "
            "Try a smaller learning rate, or scale the inputs.",
            epoch,
            i + 1,
        )


def run_epochs(
    model: "Model",
    data: Data,
    *,
    epochs: int,
    batch_size: int,
    validation: Data | None,
    callbacks: Callbacks,
    verbose: Any,
    shuffle: bool,
) -> History:
    """Train for some epochs; return what happened in each."""
    history = History()
    progress = Progress(verbose, epochs, data.rows)
    epoch = _Epoch(model, data, min(batch_size, data.rows), shuffle)
    callbacks.fit_begin(model)
    try:
        for _ in range(epochs):
            progress.epoch()
            callbacks.epoch_begin(model, model.epoch + 1)
            rate = model.optimizer.learning_rate(model.epoch)
            start = perf_counter()
            with model.network.backend.quiet():
                means = epoch.run(rate, callbacks, progress)
            seconds = perf_counter() - start
            if validation is not None:
                found = measure(model.network, validation, model.chunk)
                means.update({f"val_{name}": value for name, value in found.items()})
            model.epoch += 1
            row = {"epoch": model.epoch, **means, "learning_rate": rate, "seconds": seconds}
            history.append(row)
            progress.report(row)
            if callbacks.epoch_end(model, model.epoch, row):
                break
    finally:
        progress.close()
        callbacks.fit_end(model)
    return history
