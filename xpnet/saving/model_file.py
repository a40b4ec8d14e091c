"""What a file of a model holds, and the checks that it holds a whole one."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xpnet.backends import dtype_name, get
from xpnet.data.conversion import check_finite
from xpnet.errors import ArgumentError, DataError, FormatError
from xpnet.graph import ParameterTable, trace
from xpnet.saving.codec import decode, encode
from xpnet.saving.tensor_file import read_file, write_file
from xpnet.typing import Shape
from xpnet.version import __version__

if TYPE_CHECKING:
    from xpnet.base_model import BaseModel
    from xpnet.engine.network import Network

__all__ = ["FORMAT", "SLOTS", "check_arrays", "read_model", "save_model", "settings_of_model"]

FORMAT = {"format": "xpnet model", "version": 1}
SLOTS = "optimizer/"  # in front of the names of the optimiser's vectors
_CODED = ("net", "loss", "optimizer", "metrics")
_ROWS = 7  # samples in a trace; any number would do


def save_model(model: "BaseModel", path: Any, optimizer_state: bool, preprocessing: Any) -> None:
    """Write a built model; see `Model.save`."""
    network = model.network
    described = _described(model)
    _check_again(described, network)
    arrays = _arrays(model, optimizer_state)
    for name, array in arrays.items():
        _check_finite(name, array)
    data = {
        **FORMAT,
        "xpnet": __version__,
        "model": described,
        "epoch": model.epoch,
        "step": model._built().step,
        "updates": model.updater.step if optimizer_state else None,
        "preprocessing": _preprocessing(preprocessing),
    }
    write_file(path, arrays, data)


def _described(model: "BaseModel") -> dict[str, Any]:
    """With what the model can be made again."""
    setup, network = model._setup, model.network
    parts = {
        "net": setup.net,
        "loss": setup.loss,
        "optimizer": model.optimizer,
        "metrics": None if model._metrics is None else list(model._metrics),
    }
    return {
        **{name: encode(part, name) for name, part in parts.items()},
        "dtype": setup.dtype,
        "seed": setup.seed,
        "input_shape": list(network.features),
        "check_finite": setup.check_finite,
        "frozen": list(setup.frozen),
        **({} if setup.precision == "float32" else {"precision": setup.precision}),
    }


def _arrays(model: "BaseModel", optimizer_state: bool) -> dict[str, Any]:
    """Parameters by their dotted names, and the optimiser's vectors, on the host."""
    network, xp = model.network, get("numpy").xp
    arrays = network.table.views(xp, network.backend.to_numpy(network.params))
    clash = [name for name in arrays if name.startswith(SLOTS)]
    if clash:
        raise ArgumentError(f"a parameter's name cannot begin with {SLOTS!r}: {clash[0]!r} does.")
    slots = model.updater.slots if optimizer_state else {}
    return {
        **arrays,
        **{f"{SLOTS}{name}": network.backend.to_numpy(slot) for name, slot in slots.items()},
    }


def _check_again(described: dict[str, Any], network: "Network") -> None:
    """Raise if what the description makes is another network: then the file would be useless."""
    try:
        settings = settings_of_model(described)
        table = _table(settings["net"], network.features, settings)
    except FormatError as error:
        raise ArgumentError(f"the network cannot be made from its settings: {error}") from error
    if table.specs.keys() != network.table.specs.keys() or table.shapes != network.table.shapes:
        raise ArgumentError(
            "made again from its settings, the network has the parameters "
            f"{table.shapes}, the model's are {network.table.shapes}: the attributes of a layer "
            "must be what its constructor was given."
        )


def _check_finite(name: str, array: Any) -> None:
    try:
        check_finite(name, array, get("numpy"))
    except DataError:
        raise DataError(f"{name!r} holds NaN or infinite numbers: no model works so.") from None


def _preprocessing(given: Any) -> Any:
    """What the user keeps with the model, as JSON gives it back."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise ArgumentError(f"preprocessing must be a dict, got {given!r}.")
    try:
        return json.loads(json.dumps(dict(given), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(
            f"preprocessing must be what JSON can hold, finite numbers, text, lists and dicts: "
            f"{error}. Arrays: array.tolist()."
        ) from error


# --- reading ----------------------------------------------------------------------------------


def read_model(path: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arrays and the data of a model's file, of which the version was checked.

    Raises
    ------
    FormatError
        If it cannot be read, or is something else.
    """
    arrays, data = read_file(path)
    if data.get("format") != FORMAT["format"]:
        raise FormatError(f"{path} is no model but {str(data.get('format'))[:80]!r}.")
    if data.get("version") != FORMAT["version"]:
        raise FormatError(
            f"{path} has version {str(data.get('version'))[:80]} of the format, this xpnet reads "
            f"version {FORMAT['version']}: install a newer one."
        )
    wanted = {"model": dict, "epoch": int, "step": int, "updates": int | None}
    for name, kind in {**wanted, "preprocessing": dict | None}.items():
        if name not in data or not isinstance(data[name], kind):
            raise FormatError(f"{path}: its description has no good {name!r}.")
    return arrays, data


def settings_of_model(described: dict[str, Any]) -> dict[str, Any]:
    """What to make the model with, from its description.

    Raises
    ------
    FormatError
        If it describes no model, or needs what is not registered.
    """
    described = {"precision": "float32", **described}
    wanted = {*_CODED, "dtype", "seed", "input_shape", "check_finite", "frozen", "precision"}
    if described.keys() != wanted:
        missing, extra = sorted(wanted - described.keys()), sorted(described.keys() - wanted)
        raise FormatError(f"what describes the model lacks {missing}, and has {extra} in addition.")
    return {**described, **{name: decode(described[name]) for name in _CODED}}


def _table(net: Any, features: Shape, settings: dict[str, Any]) -> ParameterTable:
    """The parameters of a network, before there are any."""
    declared = [("x", (_ROWS, *features), settings["dtype"])]
    frozen = tuple(settings["frozen"])
    graph, _ = trace(net, declared, training=False, seed=settings["seed"], frozen=frozen)
    return ParameterTable.of(graph)


def check_arrays(
    model: "BaseModel", features: Shape, arrays: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the optimiser's vectors among the arrays, before anything is made of them.

    Raises
    ------
    XpnetError
        If names, shapes or types are not the network's, or there is NaN or infinity.
    """
    setup = model._setup
    params = {name: a for name, a in arrays.items() if not name.startswith(SLOTS)}
    slots = {n.removeprefix(SLOTS): a for n, a in arrays.items() if n.startswith(SLOTS)}
    settings = {"dtype": setup.dtype, "seed": setup.seed, "frozen": setup.frozen}
    table = _table(setup.net, features, settings)
    table.check(params, {name: array.shape for name, array in params.items()})
    for name, array in arrays.items():
        if dtype_name(array.dtype) != setup.dtype:
            raise FormatError(f"{name!r} has the type {array.dtype}, the model's is {setup.dtype}.")
        _check_finite(name, array)
    for name, array in slots.items():
        if array.shape != (table.trainable,):
            raise DataError(
                f"the optimizer's {name!r} has shape {array.shape}, expected ({table.trainable},)."
            )
    return params, slots
