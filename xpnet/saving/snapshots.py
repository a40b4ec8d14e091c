"""Snapshots of a fit as files, and the newest in a folder."""

import os
from pathlib import Path
from typing import Any

from xpnet.errors import ArgumentError, FormatError, in_brief
from xpnet.saving.tensor_file import read_file, write_file
from xpnet.training.snapshot import Snapshot
from xpnet.typing import FilePath
from xpnet.warn import warn_user

__all__ = ["Snapshot", "checkpoints", "read_snapshot", "step_of", "write_snapshot"]

_FORMAT = {"format": "xpnet checkpoint", "version": 2}
_PATTERN = "checkpoint-*.safetensors"
KEYS = frozenset(
    "fit parameters updates epoch step batch begin seconds stopping rate schedule history "
    "callbacks".split()
)


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the newest last."""
    return sorted(folder.glob(_PATTERN))


def step_of(path: Path) -> int:
    """The step of a checkpoint, from its name; 0 if the name has none."""
    number = path.stem.removeprefix("checkpoint-")
    return int(number) if number.isdecimal() else 0


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot; see `write_file`."""
    write_file(path, snapshot.arrays, {**_FORMAT, "state": snapshot.state})


def read_snapshot(source: FilePath | Snapshot) -> Snapshot | None:
    """The snapshot in a file, or the newest readable one in a folder; None if it has none.

    Raises
    ------
    ArgumentError
        If there is no such file.
    FormatError
        If the file is not a checkpoint, or none of the folder's checkpoints can be read.
    """
    if isinstance(source, Snapshot):
        return source
    if not isinstance(source, str | os.PathLike):
        raise ArgumentError(f"resume_from must be a file or a folder, got {in_brief(source)}.")
    path = Path(source)
    if path.is_dir():
        return _newest(checkpoints(path))
    if not path.exists():
        if path.suffix == ".safetensors":
            raise ArgumentError(f"there is no checkpoint {path}.")
        return None  # a folder that the first checkpoint will create
    return _read(path)


def _newest(paths: list[Path]) -> Snapshot | None:
    for path in reversed(paths):
        try:
            return _read(path)
        except FormatError as error:
            if path == paths[0]:
                raise
            warn_user(f"{error} The previous checkpoint is used.")
    return None


def _read(path: Path) -> Snapshot:
    arrays, data = read_file(path)
    if data.get("format") != _FORMAT["format"]:
        raise FormatError(f"{path} is not a checkpoint but {data.get('format')!r}.")
    if data.get("version") not in (1, _FORMAT["version"]):
        raise FormatError(
            f"{path} has version {data.get('version')!r} of the checkpoint format, but this xpnet "
            f"reads versions 1 and {_FORMAT['version']}."
        )
    state = data.get("state")
    if not isinstance(state, dict) or not state.keys() >= KEYS or "params" not in arrays:
        raise FormatError(f"{path} is not a complete checkpoint: parts of its state are missing.")
    rare = state["fit"].get("rare", []) if isinstance(state["fit"], dict) else None
    if not isinstance(rare, list) or not all(type(size) is int for size in rare):
        raise FormatError(f"{path} is damaged: it does not describe its fit.")
    return Snapshot(arrays, _upgraded(state) if data["version"] == 1 else state)


def _upgraded(state: dict[str, Any]) -> dict[str, Any]:
    """A state of version 1 in the codec's format."""
    return {
        **state,
        "fit": {name: _coded(value) for name, value in state["fit"].items()},
        "history": _coded(state["history"]),
        "callbacks": [{**entry, "state": _coded(entry["state"])} for entry in state["callbacks"]],
    }


def _coded(value: Any) -> Any:
    """A value of version 1, which wrote plain dicts and had its own format for the rest."""
    match value:
        case list():
            return [_coded(item) for item in value]
        case {"$array": name}:
            return {"array": name}
        case {"$float": text}:
            return {"float": text}
        case dict():
            return {"map": {name: _coded(item) for name, item in value.items()}}
    return value
