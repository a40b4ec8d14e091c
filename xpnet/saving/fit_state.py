"""Everything that a fit needs to go on as if it had never stopped."""

from collections.abc import Callable
from functools import partial
from math import isclose, isfinite
from typing import Any

from xpnet.backends import Backend
from xpnet.engine.engine import Engine
from xpnet.errors import ArgumentError, DataError, XpnetError
from xpnet.saving.codec import decode, encode
from xpnet.saving.snapshots import Snapshot
from xpnet.training.context import FitContext, Recording

__all__ = ["resumed", "take"]

_ARRAY, _FLOAT = "$array", "$float"  # what stands in the state for what JSON does not have


def take(context: FitContext) -> Snapshot:
    """The fit as it is; this waits for a GPU and copies to the host."""
    engine, own = context.engine, context.state
    backend = engine.backend
    vectors = {"params": own.params, **{f"slots.{n}": v for n, v in own.slots.items()}}
    if own.loss_scale is not None:
        vectors["loss_scale"] = own.loss_scale
    arrays = {name: backend.to_numpy(backend.copy(vector)) for name, vector in vectors.items()}
    arrays["results"] = context.steps.recorded(context.batch)
    state = {
        "fit": _describe(engine, context.steps),
        "parameters": {name: list(shape) for name, shape in engine.network.table.shapes.items()},
        "updates": own.updates,
        "epoch": own.epoch,
        "step": own.step,
        "batch": context.batch,
        "begin": context.epochs.start,
        "seconds": context.clock.seconds if context.batch else 0.0,
        "stopping": context.stopping,
        "rate": context.learning_rate,
        "schedule": _schedule(engine),
        "history": list(context.history),
        "callbacks": [
            {"class": type(callback).__name__, "state": found}
            for callback, found in context.callbacks.states()
        ],
    }
    packed: dict[str, Any] = _pack(state, arrays, backend)
    return Snapshot(arrays, packed)


def _describe(engine: Engine, steps: Recording) -> dict[str, Any]:
    """What must be the same in a fit that goes on from this one."""
    network, optimizer, backend = engine.network, engine.optimizer, engine.backend
    settings = {k: v for k, v in vars(optimizer).items() if not k.startswith("_")}
    return {
        "layers": [node.record.name for node in network.graph.nodes],
        "frozen": list(network.frozen),
        "dtype": network.dtype,
        "precision": backend.precision,
        "seed": network.seed,
        "loss": repr(network.loss),
        "metrics": [name for name in network.measures if name != "loss"],
        "optimizer": f"{type(optimizer).__name__} {settings}",
        **steps.description(),
    }


def _schedule(engine: Engine) -> Any:
    """The schedule as it is now, which a callback may have changed; None for a user's function."""
    try:
        return encode(engine.optimizer.learning_rate, "learning_rate")
    except XpnetError:
        return None


def resumed(
    engine: Engine, context: FitContext, snapshot: Snapshot
) -> Callable[[FitContext], None]:
    """What puts a fit back to a snapshot, which is checked here, before anything changes."""
    if engine.optimizer.whole_batch:
        raise ArgumentError("a fit by L-BFGS cannot be resumed: SciPy keeps its state.")
    _check(engine, context, snapshot)
    return partial(_put_back, snapshot=snapshot)


def _check(engine: Engine, context: FitContext, snapshot: Snapshot) -> None:
    """Raise unless the snapshot is of this model, these data and these callbacks."""
    state = _unpack(snapshot.state, snapshot.arrays)
    found = {name: tuple(shape) for name, shape in state["parameters"].items()}
    _same("parameters", found, engine.network.table.shapes)
    described = _describe(engine, context.steps)
    for what in {**state["fit"], **described}:
        there, here = state["fit"].get(what), described.get(what)
        if what == "means of the data":
            _same_data(there, here)
        elif what in ("rows", "batches"):
            _same(what, there, here, DataError, "with the same data and batch size")
        else:
            _same(what, there, here)
    slots = {name.removeprefix("slots.") for name in snapshot.arrays if name.startswith("slots.")}
    _same("optimizer's vectors", slots, set(engine.state.slots))
    classes = [entry["class"] for entry in state["callbacks"]]
    own = [type(callback).__name__ for callback, _ in context.callbacks.states()]
    _same("callbacks with a state", classes, own)


def _same(
    what: str,
    there: Any,
    here: Any,
    error: type[XpnetError] = ArgumentError,
    remedy: str = "with the model and the fit as they were",
) -> None:
    if there != here:
        raise error(
            f"the checkpoint is of another fit: {what} there: {there}; here: {here}. Resume "
            f"{remedy}."
        )


def _same_data(there: list[float], here: Any) -> None:
    """Backends add in different orders, so that means are equal to rounding."""
    near = len(there) == len(here) and all(
        isclose(a, b, rel_tol=1e-4, abs_tol=1e-6) for a, b in zip(there, here, strict=True)
    )
    if not near:
        raise DataError(
            f"the checkpoint is of other data: inputs, targets and weights have the means {there} "
            f"there, {here} here. Resume with the same data."
        )


def _put_back(context: FitContext, snapshot: Snapshot) -> None:
    """Let a fit that is about to begin go on from a snapshot that was checked."""
    engine, own = context.engine, context.state
    state = _unpack(snapshot.state, snapshot.arrays)
    backend, dtype = engine.backend, engine.network.dtype
    own.set_params(backend, backend.asarray(snapshot.arrays["params"], dtype))
    slots = {n: backend.asarray(snapshot.arrays[f"slots.{n}"], dtype) for n in own.slots}
    own.set_slots(backend, slots, state["updates"])
    if own.loss_scale is not None:
        own.loss_scale[...] = backend.asarray(snapshot.arrays["loss_scale"])
    own.epoch, own.step = state["epoch"], state["step"]
    if state["schedule"] is not None:
        engine.optimizer.learning_rate = decode(state["schedule"])
    engine.keep("the checkpoint")
    begin = state["begin"]
    context.epochs = range(begin, begin + len(context.epochs))
    context.batch, context.learning_rate = state["batch"], state["rate"]
    context.clock.before, context.stopping = state["seconds"], state["stopping"]
    for row in state["history"]:
        context.history.append(row)
    context.steps.restore(snapshot.arrays["results"])
    context.callbacks.put_back(context.model, [entry["state"] for entry in state["callbacks"]])


def _pack(value: Any, arrays: dict[str, Any], backend: Backend) -> Any:
    """A state as JSON can hold it; its arrays go to `arrays` under a number."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) and not key.startswith("$") for key in value):
            raise ArgumentError(
                f"the state of a callback must have texts as keys, got {list(value)}."
            )
        return {k: _pack(v, arrays, backend) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_pack(v, arrays, backend) for v in value]
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        name = f"callbacks.{len(arrays)}"
        arrays[name] = backend.to_numpy(backend.copy(backend.asarray(value)))
        return {_ARRAY: name}
    if isinstance(value, float) and not isfinite(value):
        return {_FLOAT: str(value)}
    return value


def _unpack(value: Any, arrays: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_unpack(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if _ARRAY in value:
        return arrays[value[_ARRAY]]
    if _FLOAT in value:
        return float(value[_FLOAT])
    return {k: _unpack(v, arrays) for k, v in value.items()}
