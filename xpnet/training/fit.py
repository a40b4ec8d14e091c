"""The settings of a fit, and the loop and the strategy that follow from them."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Self

from xpnet.arguments import count
from xpnet.data.arrays import Data, batch_slices
from xpnet.data.block_order import Blocks
from xpnet.engine.batch_sizes import rare
from xpnet.engine.cutting import cut
from xpnet.engine.engine import Engine
from xpnet.engine.stream_batches import StreamData
from xpnet.errors import ArgumentError
from xpnet.lowering import MOST_THREADS
from xpnet.parallel.member import Member
from xpnet.parallel.shared_batches import shared_batches
from xpnet.training.callbacks.callback import CallbackLike, Callbacks
from xpnet.training.compiled_steps import compiled
from xpnet.training.context import FittedModel
from xpnet.training.cuda_graphs import captured
from xpnet.training.eager import AccumulatedSteps, EagerSteps
from xpnet.training.evaluation import columns, evaluate_batches
from xpnet.training.lbfgs import LbfgsSteps
from xpnet.training.loop import FitLoop, Steps
from xpnet.training.order import SampleOrder
from xpnet.training.progress import Progress
from xpnet.training.shared_steps import SharedSteps
from xpnet.training.snapshot import Snapshot
from xpnet.training.traced_steps import traced
from xpnet.typing import ArrayLike

__all__ = ["FitSettings", "make_loop"]


@dataclass(frozen=True)
class FitSettings:
    """The settings of one fit; see `Model.fit`."""

    epochs: int
    batch_size: int
    accumulate: int
    steps_per_execution: int | None
    threads: int | None
    shuffle: bool | Blocks | Callable[[int], ArrayLike]
    callbacks: Callbacks
    progress: Progress
    member: Member | None = None

    @classmethod
    def of(
        cls,
        *,
        epochs: int,
        batch_size: int,
        accumulate: int,
        steps_per_execution: int | None,
        threads: int | None,
        shuffle: bool | Blocks | Callable[[int], ArrayLike],
        callbacks: Sequence[CallbackLike] | None,
        verbose: bool | Literal["auto"],
        member: Member | None = None,
    ) -> Self:
        """Check the user's settings."""
        epochs, batch_size = count("epochs", epochs), count("batch_size", batch_size)
        if steps_per_execution is not None:
            steps_per_execution = count("steps_per_execution", steps_per_execution, 0)
        together = count("accumulate", accumulate)
        if threads is not None:
            threads = count("threads", threads, 1, MOST_THREADS + 1)
        listeners, progress = Callbacks(callbacks), Progress(verbose)
        if member is not None and not member.agreement.leads:
            progress = Progress(False)
        given = steps_per_execution, threads, shuffle
        return cls(epochs, batch_size, together, *given, listeners, progress, member)

    def described(self) -> dict[str, Any]:
        """What all processes of a fit must be given alike."""
        shuffle = "function" if callable(self.shuffle) else bool(self.shuffle)
        plain = "epochs", "batch_size", "accumulate"
        found = {**{name: getattr(self, name) for name in plain}, "shuffle": shuffle}
        if self.member is not None:
            found |= self.member.settings.described()
        return found

    def check(self, engine: Engine, validated: bool) -> None:
        """Raise if a callback needs a column that the history will not have."""
        own = (LbfgsSteps if engine.optimizer.whole_batch else EagerSteps).columns
        self.callbacks.check((*columns(engine.network, validated), *own))


def make_loop(
    model: FittedModel,
    engine: Engine,
    data: Data,
    validation: Data | None,
    chunk: int,
    settings: FitSettings,
    snapshot: Snapshot | None = None,
) -> FitLoop:
    """The loop of a fit on checked data; validation takes `chunk` samples at a time."""
    settings.check(engine, validation is not None)
    held, threads = None, settings.threads
    if validation is not None:
        batches = cut(engine, "evaluate", validation, chunk, threads)
        held = partial(evaluate_batches, engine, batches, settings.member)
    steps = _steps(engine, data, validation, settings, snapshot)
    given = settings.callbacks, settings.progress, settings.member
    return FitLoop(model, engine, steps, settings.epochs, held, *given)


def _steps(
    engine: Engine,
    data: Data,
    validation: Data | None,
    settings: FitSettings,
    snapshot: Snapshot | None,
) -> Steps:
    """The strategy that makes the steps."""
    together, callbacks = settings.accumulate, settings.callbacks
    if engine.optimizer.whole_batch:
        if data.stored or isinstance(data, StreamData):
            raise ArgumentError(
                "L-BFGS needs all samples in memory at once: read the source first, X[0:len(X)], "
                "or use another optimizer."
            )
        if together > 1:
            raise ArgumentError(
                f"accumulate={together} needs steps on batches, but L-BFGS takes all samples at "
                "once: leave it out, or use another optimizer."
            )
        return LbfgsSteps(engine, data, settings.threads, settings.member)
    if settings.member is not None:
        return _shared(engine, data, validation, settings, settings.member)
    order = SampleOrder(data, settings.shuffle, engine.network.seed)
    mode = "train" if together == 1 else "accumulate"
    few = _rare(engine, data, settings, snapshot)
    batches = cut(engine, mode, data, settings.batch_size, settings.threads, few)
    engine.update.share(settings.threads)
    kind = EagerSteps if together == 1 else AccumulatedSteps
    eager = kind(engine, batches, order, callbacks, together, validation)
    wanted = settings.steps_per_execution
    steps: Steps = (
        compiled(eager, callbacks, wanted)
        or traced(eager, callbacks, wanted)
        or captured(eager, callbacks, wanted)
    )
    return steps


def _shared(
    engine: Engine, data: Data, validation: Data | None, settings: FitSettings, member: Member
) -> Steps:
    """The strategy of several processes."""
    callbacks, threads = settings.callbacks, settings.threads
    shared = shared_batches(engine, data, settings.batch_size, threads, member)
    order = SampleOrder(data, settings.shuffle, engine.network.seed)
    steps = SharedSteps(engine, shared, order, callbacks, settings.accumulate, validation)
    engine.update.share(threads)
    found: Steps = captured(steps, callbacks, settings.steps_per_execution)
    return found


def _rare(
    engine: Engine, data: Data, settings: FitSettings, snapshot: Snapshot | None
) -> Collection[int]:
    """The sizes of batches that are interpreted: those of the fit that is resumed, if one is."""
    if settings.accumulate > 1 or isinstance(data, StreamData):
        return ()
    if snapshot is not None:
        found: list[int] = snapshot.state["fit"].get("rare", [])
        return found
    parts = batch_slices(data.rows, settings.batch_size)
    return rare(engine.state.sizes, [p.stop - p.start for p in parts], settings.epochs)
