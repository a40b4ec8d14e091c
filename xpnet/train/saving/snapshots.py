"""Snapshots of a fit as files, and the newest of a folder."""

import os
from pathlib import Path
from typing import Any
from warnings import warn

from xpnet.errors import ArgumentError, FormatError
from xpnet.train.saving.file import read_file, write_file
from xpnet.train.snapshot import Snapshot

__all__ = ["checkpoints", "read_snapshot", "write_snapshot"]

_FORMAT = {"format": "xpnet checkpoint", "version": 1}
_PATTERN = "checkpoint-*.safetensors"


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, the newest last."""
    return sorted(folder.glob(_PATTERN))


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot; see `write_file`."""
    write_file(path, snapshot.arrays, {**_FORMAT, "state": snapshot.state})


def read_snapshot(source: Any) -> Snapshot | None:
    """The snapshot of a file, or the newest that can be read of a folder; None if it has none.

    Raises
    ------
    ArgumentError
        If there is no such file.
    FormatError
        If the file is no checkpoint, or none of the folder's can be read.
    """
    if isinstance(source, Snapshot):
        return source
    if not isinstance(source, str | os.PathLike):
        raise ArgumentError(f"resume_from must be a file or a folder, got {source!r}.")
    path = Path(source)
    if path.is_dir():
        return _newest(checkpoints(path))
    if not path.exists():
        if path.suffix:
            raise ArgumentError(f"there is no checkpoint {path}.")
        return None  # a folder that the first checkpoint will make
    return _read(path)


def _newest(paths: list[Path]) -> Snapshot | None:
    for path in reversed(paths):
        try:
            return _read(path)
        except FormatError as error:
            if path == paths[0]:
                raise
            warn(f"{error} The one before it is taken.", stacklevel=5)
    return None


def _read(path: Path) -> Snapshot:
    arrays, data = read_file(path)
    if data.get("format") != _FORMAT["format"]:
        raise FormatError(f"{path} is no checkpoint but {data.get('format')!r}.")
    if data.get("version") != _FORMAT["version"]:
        raise FormatError(
            f"{path} has version {data.get('version')!r} of the checkpoint format, this xpnet "
            f"reads {_FORMAT['version']}."
        )
    return Snapshot(arrays, data["state"])
