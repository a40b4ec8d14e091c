"""A step on one batch, and the short way to another on a batch like it."""

from math import isfinite
from typing import Any

from xpnet.backends import dtype_name
from xpnet.data.arrays import Data
from xpnet.engine.batch_sizes import rare
from xpnet.engine.config import ModelConfig
from xpnet.engine.engine import Engine
from xpnet.engine.entry import target_check
from xpnet.engine.programs import Program
from xpnet.errors import DivergedError
from xpnet.lowering import turn
from xpnet.typing import Array

__all__ = ["SingleStep"]

_ALL = slice(None)


class SingleStep:
    """Steps on single batches of one shape and type.

    A batch like the one before needs only its values checked. To find the backend, the types, the
    shapes and the program again would take longer than a small network's step.

    Parameters
    ----------
    config : ModelConfig
    engine : Engine
    data : Data
        The batch, checked.
    given : tuple
        The arrays that the user gave; none if there are more than inputs and targets.

    Attributes
    ----------
    threads : context manager
        See `Batches`.
    """

    def __init__(
        self, config: ModelConfig, engine: Engine, data: Data, given: tuple[Any, ...]
    ) -> None:
        self._engine, self._check = engine, target_check(config, engine, engine.backend)
        compiled = not rare(engine.state.sizes, [data.rows])
        spec = engine.batch_spec("train", data.rows, data)
        self._program = engine.programs.get(spec, compiled)
        self.threads = turn(engine.backend, self._program.flops) or engine.programs.lock
        self._arrays: list[Array] = []
        backend = engine.backend
        same = bool(given) and data.x is given[0] and data.y is given[1]
        direct = (backend.planned or backend.traced) and backend.synchronous
        alike = same and direct and all(map(backend.plain, given)) and not _looked_up(engine, data)
        self._like = tuple((a.shape, a.dtype) for a in given) if alike and compiled else None

    @property
    def quick(self) -> bool:
        """Whether other batches may be like this one."""
        return self._like is not None

    def takes(self, X: Any, y: Any) -> bool:
        """Whether these arrays are like those before, and their values are allowed."""
        if self._like is None:
            return False
        plain, ((shape, dtype), (shape_y, dtype_y)) = self._engine.backend.plain, self._like
        if not plain(X) or X.shape != shape or X.dtype != dtype:
            return False
        if not plain(y) or y.shape != shape_y or y.dtype != dtype_y:
            return False
        finite = not self._check.finite or self._engine.backend.finite(X)
        return finite and self._check.allows(y)

    def load(self, i: int) -> Program:
        """The program, loaded with the batch."""
        self._program.load(self._arrays, _ALL)
        return self._program

    def __call__(self, *arrays: Array) -> Array:
        """Make one step on these arrays; the loss before the step, a 0-d array.

        Raises
        ------
        DivergedError
            If the loss is NaN or infinite; the step is not made then. Not raised on a GPU.
        """
        engine, program = self._engine, self._program
        backend, learning_rate = engine.backend, engine.learning_rate()
        loss: Array = None

        def at_cut(i: int, program: Program) -> float:
            nonlocal loss
            loss = backend.element(program.results, 0)
            if backend.synchronous and not isfinite(float(loss)):
                self._stop(float(loss))
            return learning_rate

        with engine.programs.lock, backend.quiet():
            self._arrays = [*arrays]
            try:
                engine.step(self, 0, at_cut)
            finally:
                self._arrays = []
                program.release()
        return loss

    def _stop(self, loss: float) -> None:
        engine, state = self._engine, self._engine.state
        raise DivergedError(
            f"the loss became {loss} in step {state.step + 1}, counted over the model's life. The "
            f"step was not made. {engine.network.loss.advice}, or go back to an earlier "
            "state_dict().",
            state.epoch + 1,
            state.step + 1,
        )


def _looked_up(engine: Engine, data: Data) -> bool:
    """Whether more about the batch has to be checked than `TargetCheck.allows` does."""
    shape, dtype = tuple(data.y.shape[1:]), dtype_name(data.y.dtype)
    return engine.checks.of_inputs or engine.checks.of_targets(data.rows, shape, dtype)
