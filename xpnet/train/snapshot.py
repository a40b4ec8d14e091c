"""Everything that a fit needs to go on as if it had never stopped."""

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from xpnet.backends import Backend
from xpnet.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from xpnet.train.run import Run

__all__ = ["Snapshot", "put_back", "take"]

_ARRAY = "array:"  # in front of the name of an array, where the state has one
_FLOAT = "float:"  # in front of NaN and the infinities, which JSON does not have


@dataclass(frozen=True)
class Snapshot:
    """A fit between two steps.

    Attributes
    ----------
    arrays : dict of str to NumPy array
        Parameters and the optimiser's vectors, each flat; the results of the present epoch's
        batches; arrays of callbacks.
    state : dict
        Everything else, ready for JSON.
    """

    arrays: dict[str, Any]
    state: dict[str, Any]


def take(run: "Run") -> Snapshot:
    """The fit as it is; this waits for a GPU and copies to the host."""
    trainer, network = run.trainer, run.trainer.network
    host = network.backend.to_numpy
    vectors = {"params": network.params} | {
        f"slots.{name}": vector for name, vector in trainer.updater.slots.items()
    }
    arrays = {name: host(network.backend.copy(vector)) for name, vector in vectors.items()}
    arrays["results"] = run.epoch.recorded(run.batch)
    state = {
        "parameters": {name: list(shape) for name, shape in network.table.shapes.items()},
        "frozen": list(network.frozen),
        "dtype": network.dtype,
        "optimizer": type(trainer.optimizer).__name__,
        "sizes": _sizes(run),
        "updates": trainer.updater.step,
        "epoch": trainer.epoch,
        "step": trainer.step,
        "batch": run.batch,
        "end": run.end,
        "seconds": run.spent(),
        "stopping": run.stopping,
        "history": list(run.history),
        "callbacks": [
            {"class": type(callback).__name__, "state": own}
            for callback, own in run.callbacks.states()
        ],
    }
    return Snapshot(arrays, {k: _pack(v, k, arrays, network.backend) for k, v in state.items()})


def put_back(run: "Run", snapshot: Snapshot) -> None:
    """Let a fit that is about to begin go on from a snapshot, after checking that it fits."""
    trainer, network = run.trainer, run.trainer.network
    state = {name: _unpack(value, snapshot.arrays) for name, value in snapshot.state.items()}
    _check(run, state, snapshot.arrays)
    backend = network.backend
    network.set_params(backend.asarray(snapshot.arrays["params"], network.dtype))
    slots = {
        name: backend.asarray(snapshot.arrays[f"slots.{name}"], network.dtype)
        for name in trainer.updater.slots
    }
    trainer.updater.put(slots, state["updates"])
    trainer.epoch, trainer.step = state["epoch"], state["step"]
    trainer.keep("the checkpoint")
    run.end, run.batch, run.seconds = state["end"], state["batch"], state["seconds"]
    run.stopping = state["stopping"]
    for row in state["history"]:
        run.history.append(row)
    run.epoch.restore(snapshot.arrays["results"])
    run.callbacks.put_back(run.model, [entry["state"] for entry in state["callbacks"]])


def _sizes(run: "Run") -> dict[str, int]:
    """What must be the same for the batches to be the same."""
    return {"rows": run.epoch.data.rows, "batches": run.epoch.steps, "first": run.epoch.sizes[0]}


def _check(run: "Run", state: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Raise unless the snapshot is of this model, these data and these callbacks."""
    network = run.trainer.network
    found = {name: tuple(shape) for name, shape in state["parameters"].items()}
    _same("parameters", found, network.table.shapes)
    _same("frozen layers", tuple(state["frozen"]), network.frozen)
    _same("dtype", state["dtype"], network.dtype)
    _same("optimizer", state["optimizer"], type(run.trainer.optimizer).__name__)
    slots = {name.removeprefix("slots.") for name in arrays if name.startswith("slots.")}
    _same("optimizer's vectors", slots, set(run.trainer.updater.slots))
    if state["sizes"] != _sizes(run):
        raise DataError(
            "the checkpoint is of a fit with other data or another batch size: "
            f"{state['sizes']} there, {_sizes(run)} here. Resume with the same data and settings."
        )
    classes = [entry["class"] for entry in state["callbacks"]]
    _same("callbacks with a state", classes, [type(c).__name__ for c, _ in run.callbacks.states()])


def _same(what: str, there: Any, here: Any) -> None:
    if there != here:
        raise ArgumentError(
            f"the checkpoint does not go with this model: {what} there: {there}; here: {here}. "
            "Make the model and the fit as they were."
        )


def _pack(value: Any, path: str, arrays: dict[str, Any], backend: Backend) -> Any:
    """A state as JSON can hold it; its arrays go to `arrays` under their path."""
    if isinstance(value, dict):
        return {k: _pack(v, f"{path}.{k}", arrays, backend) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_pack(v, f"{path}.{i}", arrays, backend) for i, v in enumerate(value)]
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        arrays[path] = backend.to_numpy(backend.copy(value))
        return _ARRAY + path
    if isinstance(value, float) and not isfinite(value):
        return _FLOAT + str(value)
    return value


def _unpack(value: Any, arrays: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {k: _unpack(v, arrays) for k, v in value.items()}
    if isinstance(value, list):
        return [_unpack(v, arrays) for v in value]
    if isinstance(value, str) and value.startswith(_ARRAY):
        return arrays[value.removeprefix(_ARRAY)]
    if isinstance(value, str) and value.startswith(_FLOAT):
        return float(value.removeprefix(_FLOAT))
    return value
