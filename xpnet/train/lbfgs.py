"""Training by SciPy's L-BFGS: every iteration is an epoch on all samples."""

from math import isfinite
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.errors import ArgumentError, DivergedError
from xpnet.lowering import turn
from xpnet.optim import LBFGS
from xpnet.optional import require
from xpnet.train.callbacks import Callbacks
from xpnet.train.door import Data
from xpnet.train.history import History
from xpnet.train.interrupts import Interrupts
from xpnet.train.measure import combine, measure
from xpnet.train.network import Network
from xpnet.train.progress import Progress
from xpnet.train.trainer import Trainer

if TYPE_CHECKING:
    from xpnet.train.model import Model

__all__ = ["Objective", "run_lbfgs"]


class Objective:
    """Loss and gradient of all samples as SciPy asks for them: float64 vectors on the host."""

    def __init__(self, network: Network, data: Data, optimizer: LBFGS) -> None:
        require("scipy.optimize", "scipy", "the L-BFGS optimizer")
        self._network, self._data, self._decay = network, data, optimizer.weight_decay
        constrained = [n for n, s in self._network.table.specs.items() if s.constraint is not None]
        if constrained:
            raise ArgumentError(
                f"L-BFGS cannot keep the constraints on {', '.join(constrained)}: leave them out, "
                "or use another optimizer."
            )
        if network.loss_scale is not None:
            raise ArgumentError(
                "L-BFGS cannot leave out the steps in which float16 gradients overflow: use "
                "precision='bfloat16', or another optimizer."
            )
        self._program, self.rows = network.program(data.spec("train", data.rows)), data.rows
        self._at = self.start()

    def start(self) -> Any:
        """The trained parameters as they are."""
        network = self._network
        trained = network.backend.to_numpy(network.params)[: network.table.trainable]
        return trained.astype("float64")

    def __call__(self, x: Any) -> tuple[float, Any]:
        """What is minimised, and its gradient."""
        network, backend = self._network, self._network.backend
        self._at = x.copy()
        trained = backend.asarray(x.astype(network.dtype), network.dtype)
        network.set_params(backend.xp.concat([trained, network.params[network.table.trainable :]]))
        # Other programs share this one's memory: what was loaded before may be gone.
        with network.lock, backend.quiet(), turn(backend, self._program.operations):
            self._program.load(self._data.arrays, slice(None))
            self._program.run()
        value = float(self._program.results[0])
        gradient = backend.to_numpy(network.grads).astype("float64")
        weights = slice(network.table.decayed)
        gradient[weights] += self._decay * x[weights]
        value += self._decay / 2 * float(x[weights] @ x[weights])
        return (value if isfinite(value) else np.inf), gradient

    def accept(self, x: Any) -> dict[str, float]:
        """Take this point; the loss and the metrics there."""
        if not np.array_equal(self._at, x):
            self(x)
        self._program.commit()
        log = self._network.backend.to_numpy(self._program.results).astype("float64")[None]
        return combine(self._network, self._program.computation, log, [self.rows])


class _Iterations:
    """What happens behind each iteration: a row of the history, and the callbacks."""

    def __init__(
        self,
        model: "Model",
        trainer: Trainer,
        objective: Objective,
        epochs: int,
        validation: Data | None,
        callbacks: Callbacks,
        progress: Progress,
    ) -> None:
        self._model, self._trainer, self._objective = model, trainer, objective
        self._epochs, self._validation = epochs, validation
        self._callbacks, self._progress = callbacks, progress
        self.history, self._clock, self.interrupts = History(), perf_counter(), Interrupts()

    def begin(self) -> None:
        """Tell that an epoch begins."""
        self._progress.epoch()
        self._callbacks.epoch_begin(self._model, self._trainer.epoch + 1)

    def __call__(self, x: Any) -> None:
        """Take the point that an iteration found; SciPy stops at `StopIteration`."""
        row: dict[str, float] = {"epoch": self._trainer.epoch + 1, **self._objective.accept(x)}
        if self._validation is not None:
            found = measure(self._trainer.network, self._validation, self._model.chunk)
            row.update({f"val_{name}": value for name, value in found.items()})
        self._trainer.epoch += 1
        self._trainer.step += 1
        self._trainer.keep(f"the end of epoch {self._trainer.epoch}")
        now = perf_counter()
        row["seconds"], self._clock = now - self._clock, now
        self.history.append(row)
        self._progress.step(self._objective.rows)
        self._progress.report(row)
        stop = self._callbacks.epoch_end(self._model, self._trainer.epoch, row)
        if stop or self.interrupts.received or len(self.history) == self._epochs:
            raise StopIteration
        self.begin()


def run_lbfgs(
    model: "Model",
    trainer: Trainer,
    objective: Objective,
    epochs: int,
    validation: Data | None,
    callbacks: Callbacks,
    progress: Progress,
) -> History:
    """Train for at most some iterations; return what happened in each.

    Dropout and noise are those of the step at which the training starts.

    Raises
    ------
    DivergedError
        If the loss is not finite where the training starts.
    """
    optimize = require("scipy.optimize", "scipy", "the L-BFGS optimizer")
    optimizer = trainer.optimizer
    assert isinstance(optimizer, LBFGS)
    start = objective.start()
    trainer.network.set_step(trainer.step)
    if not isfinite(objective(start)[0]):
        raise DivergedError(
            "the loss is NaN or infinite where L-BFGS would start: scale the inputs.",
            trainer.epoch + 1,
            1,
        )
    iterations = _Iterations(model, trainer, objective, epochs, validation, callbacks, progress)
    trainer.keep("the start of the training")
    progress.begin(epochs, objective.rows)
    try:
        callbacks.fit_begin(model)
        with iterations.interrupts:
            iterations.begin()
            found = optimize.minimize(
                objective,
                start,
                jac=True,
                method="L-BFGS-B",
                callback=iterations,
                options=optimizer.options(epochs),
            )
            iterations.history.converged = found.status == 0
    finally:
        trainer.restore()  # the last iteration that was accepted, not a trial of the line search
        progress.close()
        callbacks.fit_end(model)
    iterations.history.interrupted = iterations.interrupts.received
    return iterations.history
