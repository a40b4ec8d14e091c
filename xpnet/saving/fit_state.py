"""Everything that a fit needs to go on as if it had never stopped."""

from math import isclose, isfinite
from typing import TYPE_CHECKING, Any

from xpnet.backends import Backend
from xpnet.errors import ArgumentError, DataError, XpnetError
from xpnet.saving import Snapshot
from xpnet.saving.codec import decode, encode

if TYPE_CHECKING:
    from xpnet.training.run import Run

__all__ = ["check", "put_back", "take"]

_ARRAY, _FLOAT = "$array", "$float"  # what stands in the state for what JSON does not have


def take(run: "Run") -> Snapshot:
    """The fit as it is; this waits for a GPU and copies to the host."""
    trainer, network = run.trainer, run.trainer.network
    host = network.backend.to_numpy
    vectors = {"params": network.params} | {
        f"slots.{name}": vector for name, vector in trainer.updater.slots.items()
    }
    if network.loss_scale is not None:
        vectors["loss_scale"] = network.loss_scale.state
    arrays = {name: host(network.backend.copy(vector)) for name, vector in vectors.items()}
    arrays["results"] = run.epoch.recorded(run.batch)
    state = {
        "fit": run.fit,
        "parameters": {name: list(shape) for name, shape in network.table.shapes.items()},
        "updates": trainer.updater.step,
        "epoch": trainer.epoch,
        "step": trainer.step,
        "batch": run.batch,
        "begin": run.begin,
        "seconds": run.spent(),
        "stopping": run.stopping,
        "rate": run.rate,
        "schedule": _schedule(run),
        "history": list(run.history),
        "callbacks": [
            {"class": type(callback).__name__, "state": own}
            for callback, own in run.callbacks.states()
        ],
    }
    packed: dict[str, Any] = _pack(state, arrays, network.backend)
    return Snapshot(arrays, packed)


def describe(run: "Run") -> dict[str, Any]:
    """What must be the same in a fit that goes on from this one."""
    trainer, network, epoch = run.trainer, run.trainer.network, run.epoch
    settings = {k: v for k, v in vars(trainer.optimizer).items() if not k.startswith("_")}
    means = [_mean(array, epoch.data.place) for array in epoch.data.arrays]
    return {
        "layers": [node.record.name for node in network.graph.nodes],
        "frozen": list(network.frozen),
        "dtype": network.dtype,
        "precision": network.backend.precision,
        "seed": trainer.seed,
        "loss": repr(network.loss),
        "metrics": list(network.metrics),
        "optimizer": f"{type(trainer.optimizer).__name__} {settings}",
        "rows": epoch.data.rows,
        "batches": [epoch.steps, epoch.sizes[0]],
        "shuffle": epoch.order,
        "means of the data": means,
    }


def _mean(array: Any, backend: Backend) -> float:
    xp = backend.xp
    return float(xp.mean(xp.astype(array, backend.dtype("float64"))))


def _schedule(run: "Run") -> Any:
    """The schedule as it is now, which a callback may have changed; None for a user's function."""
    try:
        return encode(run.trainer.optimizer.learning_rate, "learning_rate")
    except XpnetError:
        return None


def check(run: "Run", snapshot: Snapshot) -> None:
    """Raise unless the snapshot is of this model, these data and these callbacks."""
    network = run.trainer.network
    state = _unpack(snapshot.state, snapshot.arrays)
    found = {name: tuple(shape) for name, shape in state["parameters"].items()}
    _same("parameters", found, network.table.shapes)
    for what, there in state["fit"].items():
        here = run.fit.get(what)
        if what == "means of the data":
            _same_data(there, here)
        elif what in ("rows", "batches"):
            _same(what, there, here, DataError, "with the same data and batch size")
        else:
            _same(what, there, here)
    slots = {name.removeprefix("slots.") for name in snapshot.arrays if name.startswith("slots.")}
    _same("optimizer's vectors", slots, set(run.trainer.updater.slots))
    classes = [entry["class"] for entry in state["callbacks"]]
    _same("callbacks with a state", classes, [type(c).__name__ for c, _ in run.callbacks.states()])


def _same(
    what: str,
    there: Any,
    here: Any,
    error: type[XpnetError] = ArgumentError,
    mend: str = "with the model and the fit as they were",
) -> None:
    if there != here:
        raise error(
            f"the checkpoint is of another fit: {what} there: {there}; here: {here}. Resume {mend}."
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


def put_back(run: "Run", snapshot: Snapshot) -> None:
    """Let a fit that is about to begin go on from a snapshot that was checked."""
    trainer, network = run.trainer, run.trainer.network
    state = _unpack(snapshot.state, snapshot.arrays)
    backend = network.backend
    network.set_params(backend.asarray(snapshot.arrays["params"], network.dtype))
    slots = {
        name: backend.asarray(snapshot.arrays[f"slots.{name}"], network.dtype)
        for name in trainer.updater.slots
    }
    trainer.updater.put(slots, state["updates"])
    if network.loss_scale is not None:
        network.loss_scale.state[...] = backend.asarray(snapshot.arrays["loss_scale"])
    trainer.epoch, trainer.step = state["epoch"], state["step"]
    if state["schedule"] is not None:
        trainer.optimizer.learning_rate = decode(state["schedule"])
    trainer.keep("the checkpoint")
    run.begin, run.batch, run.rate = state["begin"], state["batch"], state["rate"]
    run.seconds, run.stopping = state["seconds"], state["stopping"]
    for row in state["history"]:
        run.history.append(row)
    run.epoch.restore(snapshot.arrays["results"])
    run.callbacks.put_back(run.model, [entry["state"] for entry in state["callbacks"]])


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
