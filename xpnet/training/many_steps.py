"""What strategies that run many steps per call have in common."""

from typing import Any

from xpnet.engine.batches import Batches
from xpnet.engine.engine import Engine
from xpnet.engine.stream_batches import StreamBatches
from xpnet.graph import Scheduled
from xpnet.training.callbacks.callback import Callbacks
from xpnet.training.context import FitContext
from xpnet.training.eager import EagerSteps
from xpnet.typing import Array, Schedule

__all__ = ["ManySteps", "Pace", "needs_python", "table_columns", "table_rows"]

_FIRST = 16  # the most steps in the first call


def needs_python(eager: EagerSteps, callbacks: Callbacks) -> str | None:
    """What needs Python in every step; None if nothing does."""
    optimizer = eager.engine.optimizer
    if isinstance(eager.batches, StreamBatches):
        return "the batches come from your own function"
    if eager.needs_python is not None:
        return eager.needs_python
    if eager.together > 1:
        return f"a step adds up the gradients of {eager.together} batches"
    if eager.batches.data.sparse:
        return "X is sparse, and SciPy multiplies it in every step"
    if callbacks.every_step:
        return f"{callbacks.every_step} reads every step"
    schedule = optimizer.learning_rate
    if optimizer.varies and not _known(schedule):
        return f"the learning rate is your own function ({schedule!r}), called in every step"
    kinds = [*eager.engine.programs.step_inputs.kinds]
    if callable(optimizer.weight_decay):
        kinds.append(Scheduled("the weight decay", optimizer.weight_decay))
    for kind in kinds:
        if kind.varies and not _known(kind.schedule):
            return f"{kind.what} is your own function ({kind.schedule!r}), called in every step"
    return None


def _known(schedule: Schedule) -> bool:
    """Whether a schedule depends on nothing but the time."""
    return type(schedule).__module__.startswith("xpnet.")


def table_columns(engine: Engine) -> list[tuple[int, str]]:
    """Columns and type of the tables with a row for each step: coefficients, scheduled numbers."""
    scheduled = len(engine.programs.step_inputs.kinds), engine.backend.widest
    return [(len(engine.update.coefficients), engine.network.dtype), scheduled]


def table_rows(eager: EagerSteps, i: int, steps: int) -> list[list[tuple[float, ...]]]:
    """The rows of these tables for some steps, beginning with batch `i`."""
    engine, batches = eager.engine, range(i, i + steps)
    inputs, epoch = engine.programs.step_inputs, engine.state.epoch
    rates = [eager.rate(n) for n in batches]
    if not inputs.kinds and not callable(engine.optimizer.weight_decay):
        return [engine.update.ahead(rates), [()] * steps]
    shares = [eager.share(n) for n in batches]
    return [engine.update.ahead(rates, shares), [inputs.at(epoch, share) for share in shares]]


class ManySteps:
    """The steps of an epoch, several per call.

    Parameters
    ----------
    eager : EagerSteps
        The same steps one by one. It keeps the record of the epoch.
    """

    columns: tuple[str, ...] = ("learning_rate",)

    def __init__(self, eager: EagerSteps) -> None:
        self._eager, self._engine = eager, eager.engine
        self.batches: Batches = eager.batches

    @property
    def threads(self) -> int:
        """Threads that share a step."""
        return self._eager.threads

    @property
    def rows(self) -> int:
        """Samples per epoch."""
        return self._eager.rows

    @property
    def count(self) -> int:
        """Batches per epoch."""
        return self._eager.count

    def begin(self, context: FitContext) -> None:
        """Begin the fit; here a step can always be tried."""
        self._eager.begin(context)

    def recorded(self, count: int) -> Array:
        """The results of the first batches of this epoch, on the host."""
        return self._eager.recorded(count)

    def restore(self, rows: Array) -> None:
        """Set the results of this epoch's first batches."""
        self._eager.restore(rows)

    def description(self) -> dict[str, Any]:
        """What must be the same in a fit that resumes this one."""
        return self._eager.description()


class Pace:
    """How many steps to run per call.

    Parameters
    ----------
    most : int or None
    seconds : float
        How long a call should take.
    least : int
        The fewest steps of a call.

    Attributes
    ----------
    steps : int
    """

    def __init__(self, most: int | None, seconds: float, least: int = 1) -> None:
        self._most, self._seconds = most, seconds
        self.steps = self._least = least if most is None else min(least, most)

    def learn(self, steps: int, seconds: float) -> None:
        """Note how long the steps took."""
        wanted = min(int(self._seconds * steps / seconds), max(8 * self.steps, _FIRST))
        self.steps = max(self._least, min(wanted, self._most or wanted))
