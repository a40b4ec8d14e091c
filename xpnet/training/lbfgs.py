"""Steps by SciPy's L-BFGS: each iteration is an epoch on all samples."""

from math import isfinite
from typing import Any

from xpnet.data.arrays import Data
from xpnet.engine.engine import Engine
from xpnet.errors import ArgumentError, DivergedError
from xpnet.optional import require
from xpnet.parallel.member import Member
from xpnet.parallel.shared_batches import shared_batches
from xpnet.training.context import FitContext
from xpnet.training.loop import FitLoop
from xpnet.training.objective import Objective
from xpnet.training.shared_objective import SharedObjective
from xpnet.typing import Array

__all__ = ["LbfgsSteps"]


class LbfgsSteps:
    """All epochs in one minimization by SciPy, which the loop can stop.

    Every evaluation draws the dropout and noise of the step at which training starts.
    """

    columns: tuple[str, ...] = ()
    count = threads = 1

    def __init__(
        self, engine: Engine, data: Data, threads: int | None = None, member: Member | None = None
    ) -> None:
        _check(engine)
        self._engine, self._objective = engine, _objective(engine, data, threads, member)
        self.rows = self._objective.rows

    def begin(self, context: FitContext) -> None:
        """Raise `DivergedError` if the loss is not finite at the start of the training."""
        engine, objective = self._engine, self._objective
        engine.set_step(objective.program, engine.state.step)
        if not isfinite(objective(objective.start())[0]):
            raise DivergedError(
                "the loss is NaN or infinite at the point where L-BFGS starts: scale the inputs.",
                engine.state.epoch + 1,
                1,
            )
        engine.keep("the start of the training")  # what `epoch` restores if no iteration follows

    def epoch(self, loop: FitLoop, learning_rate: float) -> dict[str, float]:
        """Minimize until SciPy or the loop stops."""
        optimize = require("scipy.optimize", "scipy", "the L-BFGS optimizer")
        optimizer: Any = self._engine.optimizer
        context, state = loop.context, self._engine.state

        def accepted(x: Array) -> None:
            """Record the point that an iteration found; SciPy stops at `StopIteration`."""
            found = self._objective.accept(x)
            state.step += 1
            self._engine.keep(f"the end of epoch {state.epoch + 1}")
            loop.progressed(self.rows)
            loop.end_epoch(found)
            if loop.done:
                raise StopIteration
            loop.begin_epoch()

        try:
            found = optimize.minimize(
                self._objective,
                self._objective.start(),
                jac=True,
                method="L-BFGS-B",
                callback=accepted,
                options=optimizer.options(len(context.epochs)),
            )
            context.history.converged = found.status == 0
        finally:
            self._engine.restore()  # the last accepted point, not a trial of the line search
        context.end()
        return {}

    def recorded(self, count: int) -> Array:
        """Raise: SciPy keeps its state to itself, so there are no checkpoints."""
        raise ArgumentError("a fit by L-BFGS has no checkpoints: SciPy keeps its state.")

    def restore(self, rows: Array) -> None:
        """Raise; see `recorded`."""
        raise ArgumentError("a fit by L-BFGS cannot be resumed: SciPy keeps its state.")

    def description(self) -> dict[str, Any]:
        """What must be the same in a fit that resumes this one."""
        return {"rows": self.rows}


def _objective(engine: Engine, data: Data, threads: int | None, member: Member | None) -> Objective:
    """The objective of this process, or of several."""
    if member is not None:
        return SharedObjective(engine, data, shared_batches(engine, data, None, threads, member))
    program = engine.programs.get(engine.batch_spec("train", data.rows, data, threads))
    return Objective(engine, data, program)


def _check(engine: Engine) -> None:
    """Raise for settings that L-BFGS does not support."""
    require("scipy.optimize", "scipy", "the L-BFGS optimizer")
    specs = engine.network.table.specs
    constrained = [n for n, spec in specs.items() if spec.constraint is not None]
    if constrained:
        raise ArgumentError(
            f"L-BFGS cannot keep the constraints on {', '.join(constrained)}: leave them out, "
            "or use another optimizer."
        )
    faster = [n for n, spec in specs.items() if spec.trainable and spec.rate != 1]
    if faster:
        raise ArgumentError(
            f"L-BFGS has no learning rate, but {', '.join(faster)} have factors of it: leave "
            "them out, or use another optimizer."
        )
    if engine.state.loss_scale is not None:
        raise ArgumentError(
            "L-BFGS cannot skip the steps in which float16 gradients overflow: use "
            "precision='bfloat16', or another optimizer."
        )
