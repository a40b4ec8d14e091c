"""Files of arrays and JSON in the safetensors format: written whole or not at all."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from xpnet.errors import FormatError

__all__ = ["read_file", "write_file"]

_KEY = "xpnet"  # the entry of the file's metadata that holds the JSON


def write_file(path: Path, arrays: dict[str, Any], data: dict[str, Any]) -> None:
    """Write NumPy arrays and JSON-able data.

    The file is written beside its place under another name, brought to the disk and renamed, so
    that a crash, a full disk or a second writer leaves the old file or the new one.

    Raises
    ------
    FormatError
        If it cannot be written; the old file is then as it was.
    """
    from safetensors.numpy import save_file

    text = json.dumps(data, allow_nan=False)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(f".{path.name}.tmp", dir=path.parent)
        os.close(handle)
        save_file(arrays, temporary, {_KEY: text})
        _to_disk(temporary)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        _to_disk(path.parent)
    except (OSError, ValueError, TypeError) as error:
        raise FormatError(f"{path} cannot be written: {error}.") from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)


def read_file(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arrays and the data of a file that `write_file` wrote.

    Raises
    ------
    FormatError
        If it cannot be read, or is no such file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(_KEY)
            if text is None:
                raise FormatError(f"{path} is a safetensors file, but not one of xpnet's.")
            data = json.loads(text)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path} cannot be read as a file of xpnet: {error}.") from error
    return arrays, data


def _to_disk(path: Any) -> None:
    """Wait until a file, or a folder's entries, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found
