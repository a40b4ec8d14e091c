"""The contents of a model file, and the checks that they are complete."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xpnet.arguments import flag
from xpnet.backends import dtype_name, get, resolve
from xpnet.backends.precision import kept_precision
from xpnet.data.conversion import check_finite
from xpnet.engine.config import ModelConfig
from xpnet.engine.engine import Engine
from xpnet.engine.entry import backend_for
from xpnet.engine.network import Network
from xpnet.errors import ArgumentError, DataError, FormatError, in_brief
from xpnet.graph import ParameterTable, trace
from xpnet.saving.codec import decode, encode
from xpnet.saving.file_values import count_of, four_numbers, names_of, sizes_of
from xpnet.saving.tensor_file import read_file, write_file
from xpnet.typing import Shape
from xpnet.version import __version__

__all__ = [
    "FORMAT",
    "PREPARE",
    "SLOTS",
    "TablePart",
    "made",
    "read_model",
    "save_model",
    "settings_of_model",
    "table_part_of",
]

FORMAT = {"format": "xpnet model", "version": 1}
_WITH_TABLE = 2  # the version of files that prepare a table: older programs must refuse them
SLOTS = "optimizer/"  # prefix of the names of the optimizer's vectors
PREPARE = "prepare/"  # prefix of the names of the arrays that prepare a table's columns
_CODED = ("net", "loss", "optimizer", "metrics")
_ROWS = 7  # samples in a trace; any number would do


@dataclass(frozen=True, eq=False)
class TablePart:
    """What the file of a model for tables holds besides the network: JSON data and arrays."""

    data: dict[str, Any]
    arrays: dict[str, Any]


def save_model(
    config: ModelConfig,
    engine: Engine,
    path: Any,
    optimizer_state: bool,
    preprocessing: Any,
    table: TablePart | None = None,
) -> None:
    """Write a built model, and how it reads tables; see `Model.save`."""
    described = _described(config, engine.network)
    _check_again(described, engine.network)
    with engine.programs.lock:  # between two steps
        arrays, counts = _read(engine, optimizer_state), _counts(engine, optimizer_state)
    for name, array in arrays.items():
        _check_finite(name, array)
    data = {
        **FORMAT,
        "xpnet": __version__,
        "model": described,
        **counts,
        "preprocessing": _preprocessing(preprocessing),
    }
    if table is not None:
        data |= {"version": _WITH_TABLE, "table": table.data}
        arrays |= {f"{PREPARE}{name}": array for name, array in table.arrays.items()}
    write_file(path, arrays, data)


def _described(config: ModelConfig, network: Network) -> dict[str, Any]:
    """The data from which the model can be rebuilt."""
    parts = {
        "net": config.net,
        "loss": config.loss,
        "optimizer": config.optimizer,
        "metrics": None if config.metrics is None else list(config.metrics),
    }
    return {
        **{name: encode(part, name) for name, part in parts.items()},
        "dtype": config.dtype,
        "seed": config.seed,
        "input_shape": list(network.features),
        "check_finite": config.check_finite,
        "frozen": list(config.frozen),
        **({} if config.precision == "float32" else {"precision": config.precision}),
    }


def _counts(engine: Engine, optimizer_state: bool) -> dict[str, Any]:
    """The small parts of the state."""
    state = engine.state
    data: dict[str, Any] = {
        "epoch": state.epoch,
        "step": state.step,
        "updates": state.updates if optimizer_state else None,
    }
    if optimizer_state and state.sizes:
        data["sizes"] = [[*pair] for pair in state.sizes.items()]
    if state.awaiting:
        data["awaiting"] = list(state.awaiting)
    if optimizer_state and state.loss_scale is not None:
        data["loss_scale"] = engine.backend.to_numpy(state.loss_scale).tolist()
    return data


def _read(engine: Engine, optimizer_state: bool) -> dict[str, Any]:
    """Copies of the parameters by their dotted names, and of the optimizer's vectors."""
    host, state = get("numpy"), engine.state

    def copied(vector: Any) -> Any:
        return host.copy(engine.backend.to_numpy(vector))

    arrays = engine.network.table.views(host.xp, copied(state.params))
    clash = [name for name in arrays if name.startswith((SLOTS, PREPARE))]
    if clash:
        raise ArgumentError(
            f"a parameter's name cannot begin with {SLOTS!r} or {PREPARE!r}: {clash[0]!r} does."
        )
    slots = state.slots if flag("optimizer_state", optimizer_state) else {}
    return {
        **arrays,
        **{f"{SLOTS}{name}": copied(slot) for name, slot in slots.items()},
    }


def _check_again(described: dict[str, Any], network: Network) -> None:
    """Raise if the description makes another network: the file would then be useless."""
    try:
        settings = settings_of_model(described)
        table = _table(settings["net"], network.features, settings)
    except FormatError as error:
        raise ArgumentError(f"the network cannot be rebuilt from its settings: {error}") from error
    if table.specs.keys() != network.table.specs.keys() or table.shapes != network.table.shapes:
        raise ArgumentError(
            "rebuilt from its settings, the network has the parameters "
            f"{table.shapes}, but the model has {network.table.shapes}: the attributes of a layer "
            "must be the arguments of its constructor."
        )


def _check_finite(name: str, array: Any) -> None:
    try:
        check_finite(name, array, get("numpy"))
    except DataError:
        raise DataError(f"{name!r} holds NaN or infinite numbers: the model is unusable.") from None


def _preprocessing(given: Any) -> Any:
    """The data that the user saves with the model, as JSON returns them."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise ArgumentError(f"preprocessing must be a dict, got {in_brief(given)}.")
    try:
        return json.loads(json.dumps(dict(given), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(
            f"preprocessing must be JSON-compatible (finite numbers, strings, lists and dicts): "
            f"{error}. Convert arrays with array.tolist()."
        ) from error


# --- reading ----------------------------------------------------------------------------------


def read_model(path: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arrays and the data of a model's file, whose version is checked.

    Raises
    ------
    FormatError
        If it cannot be read, or is not a model.
    """
    arrays, data = read_file(path)
    if data.get("format") != FORMAT["format"]:
        raise FormatError(f"{path} is not a model but {str(data.get('format'))[:80]!r}.")
    if data.get("version") not in (FORMAT["version"], _WITH_TABLE):
        raise FormatError(
            f"{path} has version {str(data.get('version'))[:80]} of the format, but this xpnet "
            f"reads versions {FORMAT['version']} and {_WITH_TABLE}: install a newer xpnet."
        )
    wanted: dict[str, Any] = {"model": dict, "epoch": int, "step": int, "updates": int | None}
    if data["version"] == _WITH_TABLE:
        wanted["table"] = dict
    for name, kind in {**wanted, "preprocessing": dict | None}.items():
        if name not in data or not isinstance(data[name], kind):
            raise FormatError(f"{path}: its description has no valid {name!r}.")
    return arrays, data


def table_part_of(arrays: dict[str, Any], data: dict[str, Any]) -> TablePart | None:
    """Take the table's part out of a file's arrays; None if the file has none."""
    if data["version"] != _WITH_TABLE:
        return None
    names = [name for name in arrays if name.startswith(PREPARE)]
    return TablePart(data["table"], {n.removeprefix(PREPARE): arrays.pop(n) for n in names})


def settings_of_model(described: dict[str, Any]) -> dict[str, Any]:
    """The settings from which to make a model, from its description.

    Raises
    ------
    FormatError
        If it describes no model, or needs something that is not registered.
    """
    described = {"precision": "float32", **described}
    wanted = {*_CODED, "dtype", "seed", "input_shape", "check_finite", "frozen", "precision"}
    if described.keys() != wanted:
        missing, extra = sorted(wanted - described.keys()), sorted(described.keys() - wanted)
        raise FormatError(f"the model's description lacks {missing} and has the unknown {extra}.")
    return {**described, **{name: decode(described[name]) for name in _CODED}}


def _table(net: Any, features: Shape, settings: dict[str, Any]) -> ParameterTable:
    """The parameter table of a network whose parameters do not exist yet."""
    declared = [("x", (_ROWS, *features), settings["dtype"])]
    frozen = tuple(settings["frozen"])
    graph, _ = trace(net, declared, training=False, seed=settings["seed"], frozen=frozen)
    return ParameterTable.of(graph)


def _checked_arrays(
    network: Network, arrays: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The checked parameters and optimizer vectors among the arrays.

    Raises
    ------
    XpnetError
        If names, shapes or types do not match the network, or there is NaN or infinity.
    """
    params = {name: a for name, a in arrays.items() if not name.startswith(SLOTS)}
    slots = {n.removeprefix(SLOTS): a for n, a in arrays.items() if n.startswith(SLOTS)}
    table = network.table
    table.check(params, {name: array.shape for name, array in params.items()})
    for name, array in arrays.items():
        if dtype_name(array.dtype) != network.dtype:
            raise FormatError(
                f"{name!r} has the type {array.dtype}, but the model has {network.dtype}."
            )
        _check_finite(name, array)
    for name, array in slots.items():
        if array.shape != (table.trainable,):
            raise DataError(
                f"the optimizer's {name!r} has shape {array.shape}, expected ({table.trainable},)."
            )
    return params, slots


def made(arrays: dict[str, Any], data: dict[str, Any], backend: Any) -> tuple[ModelConfig, Engine]:
    """The configuration and the engine of a file's model.

    Raises
    ------
    XpnetError
        If the file contradicts itself, or describes something that cannot be made.
    """
    settings = settings_of_model(data["model"])
    settings["precision"] = kept_precision(resolve(backend), settings["precision"])
    net, loss, optimizer = (settings.pop(name) for name in ("net", "loss", "optimizer"))
    config = ModelConfig.of(net, loss, optimizer, backend=backend, **settings)
    if config.input_shape is None:
        raise FormatError("it does not say which shape a sample has.")
    network = Network.of(config, config.input_shape)
    params, slots = _checked_arrays(network, arrays)
    chosen = backend_for(config, None)
    start = {name: chosen.asarray(array, config.dtype) for name, array in params.items()}
    engine = Engine(network, chosen, config.optimizer, start)
    state, kept = engine.state, data["updates"] is not None
    if slots.keys() != (state.slots.keys() if kept else set()):
        raise FormatError(
            f"it has the optimizer vectors {sorted(slots)}, which do not belong to "
            f"{config.optimizer!r}."
        )
    if kept:
        vectors = {n: chosen.copy(chosen.asarray(a, config.dtype)) for n, a in slots.items()}
        state.set_slots(chosen, vectors, count_of("updates", data))
        state.sizes = sizes_of(data.get("sizes", []))
        if data.get("loss_scale") is not None:
            state.set_loss_scale(chosen, four_numbers(data["loss_scale"]))
    state.epoch, state.step = count_of("epoch", data), count_of("step", data)
    state.awaiting = names_of(data.get("awaiting", []), engine.network.data_driven)
    return config, engine
