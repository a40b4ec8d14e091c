"""The state that a fit needs to resume as if it had never stopped."""

from collections.abc import Callable
from functools import partial
from typing import Any

from xpnet.backends import Backend
from xpnet.engine.engine import Engine
from xpnet.engine.state import TrainState
from xpnet.errors import ArgumentError, FormatError, XpnetError
from xpnet.lowering import conditions
from xpnet.saving.checked_state import CheckedState, checked_state
from xpnet.saving.codec import encode
from xpnet.saving.fit_description import (
    check_conditions,
    check_description,
    check_same,
    describe,
)
from xpnet.saving.snapshots import Snapshot
from xpnet.training.context import FitContext, Recording
from xpnet.typing import Array
from xpnet.version import __version__

__all__ = ["resumed", "take"]


def take(context: FitContext) -> Snapshot:
    """Copy the fit's current state to the host; this waits for a GPU."""
    with context.engine.programs.lock:  # other threads may make steps, too
        return _taken(context)


def _taken(context: FitContext) -> Snapshot:
    engine, own = context.engine, context.state
    backend = engine.backend
    vectors = _vectors(own)
    arrays = {name: backend.to_numpy(backend.copy(vector)) for name, vector in vectors.items()}
    arrays["results"] = context.steps.recorded(context.batch)
    state = {
        "fit": describe(engine, context.steps),
        "conditions": _conditions(engine, context.steps),
        "parameters": {name: list(shape) for name, shape in engine.network.table.shapes.items()},
        "updates": own.updates,
        "sizes": [[*pair] for pair in own.sizes.items()],
        "epoch": own.epoch,
        "step": own.step,
        "batch": context.batch,
        "begin": context.epochs.start,
        "seconds": context.clock.seconds if context.batch else 0.0,
        "stopping": context.stopping and context.batch == 0,  # an unfinished epoch remains
        "rate": context.learning_rate,
        "schedule": _schedule(engine),
        "history": encode(list(context.history), "the history"),
        "callbacks": _callbacks(context, arrays, backend),
    }
    return Snapshot(arrays, state)


def _vectors(state: TrainState) -> dict[str, Array]:
    """The flat vectors that a snapshot holds, by their names in it."""
    vectors = {"params": state.params, **{f"slots.{n}": v for n, v in state.slots.items()}}
    if state.loss_scale is not None:
        vectors["loss_scale"] = state.loss_scale
    return vectors


def _callbacks(
    context: FitContext, arrays: dict[str, Array], backend: Backend
) -> list[dict[str, Any]]:
    """The states of the callbacks; their arrays are added to `arrays` under a number."""

    def store(array: Array) -> str:
        name = f"callbacks.{len(arrays)}"
        arrays[name] = backend.to_numpy(backend.copy(backend.asarray(array)))
        return name

    found = [(type(c).__name__, state) for c, state in context.callbacks.states()]
    return [
        {"class": kind, "state": encode(state, f"the state of {kind}", store)}
        for kind, state in found
    ]


def _schedule(engine: Engine) -> Any:
    """The current schedule, which a callback may have changed; None for a user's function."""
    try:
        return encode(engine.optimizer.learning_rate, "learning_rate")
    except XpnetError:
        return None


def resumed(
    engine: Engine, context: FitContext, snapshot: Snapshot
) -> Callable[[FitContext], None]:
    """Check a snapshot, before anything changes; return the function that restores it."""
    if engine.optimizer.whole_batch:
        raise ArgumentError("a fit by L-BFGS cannot be resumed: SciPy keeps its state.")
    try:
        names = _check(engine, context, snapshot)
    except XpnetError:
        raise
    except Exception as error:  # data from a file may be anything
        raise FormatError(
            f"the checkpoint is damaged ({type(error).__name__}: {error}). Resume from an older "
            "one."
        ) from error
    state = checked_state(engine, names, snapshot)
    check_conditions(snapshot.state.get("conditions"), _conditions(engine, context.steps))
    return partial(_put_back, state=state)


def _conditions(engine: Engine, steps: Recording) -> dict[str, str | int]:
    """What the bits of a fit depend on, besides what must be the same."""
    found = conditions(engine.backend)
    return {"xpnet": __version__, **found, "threads of a step": steps.threads}


def _check(engine: Engine, context: FitContext, snapshot: Snapshot) -> set[str]:
    """Raise unless the snapshot belongs to this model, these data and these callbacks.

    Returns the names of the arrays that are restored.
    """
    state = snapshot.state
    found = {name: tuple(shape) for name, shape in state["parameters"].items()}
    check_same("parameters", found, engine.network.table.shapes)
    check_description(state["fit"], describe(engine, context.steps))
    slots = {name.removeprefix("slots.") for name in snapshot.arrays if name.startswith("slots.")}
    check_same("optimizer's vectors", slots, set(engine.state.slots))
    shapes = {name: vector.shape for name, vector in _vectors(engine.state).items()}
    shapes["results"] = (state["batch"], *context.steps.recorded(0).shape[1:])
    given = {name: snapshot.arrays[name].shape for name in shapes if name in snapshot.arrays}
    check_same("shapes of the arrays", given, shapes)
    classes = [entry["class"] for entry in state["callbacks"]]
    own = [type(callback).__name__ for callback, _ in context.callbacks.states()]
    check_same("callbacks with a state", classes, own)
    return {*shapes}


def _put_back(context: FitContext, state: CheckedState) -> None:
    """Set a fit that is about to begin to a checked state; a callback may still refuse its own."""
    context.callbacks.put_back(context.model, state.callbacks)
    engine, counts = context.engine, state.counts
    with engine.programs.lock:
        _put_state_back(engine, state)
    if state.schedule is not None:
        engine.optimizer.learning_rate = state.schedule
    engine.keep("the checkpoint")
    begin = counts["begin"]
    context.epochs = range(begin, begin + len(context.epochs))
    context.batch, context.learning_rate = counts["batch"], state.rate
    context.clock.before, context.stopping = state.seconds, state.stopping
    for row in state.history:
        context.history.append(row)
    context.steps.restore(state.arrays["results"])


def _put_state_back(engine: Engine, state: CheckedState) -> None:
    """Set the model to a checked state."""
    own, arrays, counts = engine.state, state.arrays, state.counts
    backend, dtype = engine.backend, engine.network.dtype
    own.set_params(backend, backend.asarray(arrays["params"], dtype))
    slots = {n: backend.asarray(arrays[f"slots.{n}"], dtype) for n in own.slots}
    own.set_slots(backend, slots, counts["updates"])
    if own.loss_scale is not None:
        own.set_loss_scale(backend, arrays["loss_scale"])
    own.epoch, own.step, own.awaiting = counts["epoch"], counts["step"], ()
    own.sizes = state.sizes
