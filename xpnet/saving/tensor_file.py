"""Files of arrays and JSON in the safetensors format: written whole or not at all."""

import json
from mmap import ACCESS_COPY, mmap
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from xpnet.errors import FormatError
from xpnet.saving.whole_file import check_place, file_path, replacing

__all__ = ["read_file", "write_arrays", "write_file"]

_KEY = "xpnet"  # the entry of the file's metadata that holds the JSON
_TYPES = dict(
    pair.split(":")
    for pair in """BOOL:? U8:u1 I8:i1 U16:<u2 I16:<i2 U32:<u4 I32:<i4 U64:<u8 I64:<i8
    F16:<f2 F32:<f4 F64:<f8""".split()
)
_OTHERS = {
    b"PK\x03\x04": "a zip archive, as PyTorch (.pt), Keras (.keras) and NumPy (.npz) write",
    b"\x89HDF": "an HDF5 file, as Keras writes",
    b"\x93NUM": "a NumPy array",
    b"\x80\x02": "a pickle, which could run code and is never read",
    b"\x80\x03": "a pickle, which could run code and is never read",
    b"\x80\x04": "a pickle, which could run code and is never read",
    b"\x80\x05": "a pickle, which could run code and is never read",
}


# --- writing ----------------------------------------------------------------------------------


def write_file(path: Any, arrays: dict[str, Any], data: dict[str, Any]) -> None:
    """Write NumPy arrays and JSON-compatible data.

    See `replacing`: the old file or the new one is there, never a part of it.

    Raises
    ------
    FormatError
        If it cannot be written; the old file is then unchanged.
    """
    path = check_place(path)
    try:
        text = json.dumps(data, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise _unwritten(path, error) from error
    write_arrays(path, arrays, {_KEY: text})


def write_arrays(path: Any, arrays: dict[str, Any], metadata: dict[str, str] | None = None) -> None:
    """Write NumPy arrays, and texts by name, for any program that reads safetensors.

    Raises
    ------
    FormatError
        If it cannot be written; the old file is then unchanged.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import save_file

    path = check_place(path)
    try:
        with replacing(path) as temporary:
            save_file(arrays, temporary, metadata)
            with safe_open(temporary, framework="numpy"):
                pass  # an unreadable file must not replace anything
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: Exception) -> FormatError:
    return FormatError(f"{path} cannot be written: {error}. An existing file is unchanged.")


# --- reading ----------------------------------------------------------------------------------


def read_file(path: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arrays and the data of a file that `write_file` wrote.

    The arrays are the file's own bytes, mapped into memory; writing to them does not change the
    file. Nothing in the file is executed, and no object is larger than the file.

    Raises
    ------
    FormatError
        If it cannot be read, or is not such a file.
    """
    from safetensors import SafetensorError, safe_open

    path = file_path(path)
    try:
        _check_there(path)
        with path.open("rb") as stream:
            try:
                with safe_open(path, framework="numpy") as file:  # checks names, types and offsets
                    metadata = file.metadata() or {}
            except SafetensorError:
                _check_program(path, stream)
                raise
            if _KEY not in metadata:
                raise FormatError(
                    f"{path} is a safetensors file of another program: it does not describe the "
                    "network. Make the model, and pass the file's arrays to load_state_dict."
                )
            return _mapped(stream), _parsed(path, metadata[_KEY])
    except SafetensorError as error:
        raise FormatError(
            f"{path} is not a safetensors file, or is damaged or truncated ({error})."
        ) from error
    except (OSError, ValueError, OverflowError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path} cannot be read: {error}.") from error


def _check_there(path: Path) -> None:
    if path.is_dir():
        raise FormatError(f"{path} is a folder: name the file in it.")
    if not path.exists():
        raise FormatError(f"there is no file {path}.")
    if not path.is_file():
        raise FormatError(f"{path} is not a regular file.")


def _check_program(path: Path, stream: BinaryIO) -> None:
    """Raise if the first bytes belong to another kind of file.

    Call this only if the file is not a safetensors file: such a file begins with a length, which
    may look like anything.
    """
    start = stream.read(4)
    for known, what in _OTHERS.items():
        if start.startswith(known):
            raise FormatError(f"{path} is {what}, not an xpnet file.")
    if not start:
        raise FormatError(f"{path} is empty.")


def _mapped(stream: BinaryIO) -> dict[str, Any]:
    """The arrays of a file whose header is valid."""
    stream.seek(0)
    length = int.from_bytes(stream.read(8), "little")
    header = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    if not header:
        return {}
    memory = mmap(stream.fileno(), 0, access=ACCESS_COPY)
    return {name: _array(memory, 8 + length, name, entry) for name, entry in header.items()}


def _array(memory: mmap, base: int, name: str, entry: dict[str, Any]) -> Any:
    if entry["dtype"] not in _TYPES:
        raise FormatError(f"its tensor {name!r} has the type {entry['dtype']}, which NumPy lacks.")
    dtype = np.dtype(_TYPES[entry["dtype"]])
    start, end = entry["data_offsets"]
    count = (end - start) // dtype.itemsize
    flat = np.frombuffer(memory, dtype, count, base + start) if count else np.empty(0, dtype)
    array: Any = flat.reshape(entry["shape"])
    return array


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        data = json.loads(text, object_pairs_hook=_once, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: its description is not valid JSON ({error}).") from error
    if not isinstance(data, dict):
        raise FormatError(f"{path}: its description is not a JSON object.")
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")
