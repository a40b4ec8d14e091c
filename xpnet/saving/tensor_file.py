"""Files of arrays and JSON in the safetensors format: written whole or not at all."""

import json
import os
from mmap import ACCESS_COPY, mmap
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

import numpy as np

from xpnet.errors import FormatError, WriteError
from xpnet.saving.tensor_header import Header, Tensor, parsed_json, read_header
from xpnet.saving.whole_file import check_place, file_path, open_file, replacing

__all__ = ["read_file", "write_arrays", "write_file"]

_KEY = "xpnet"  # the entry of the file's metadata that holds the JSON
_SUM = "checksum"  # the entry of the JSON that holds the checksum of the tensors
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
        text = json.dumps({**data, _SUM: checksum(arrays)}, allow_nan=False)
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


def _unwritten(path: Path, error: Exception) -> WriteError:
    return WriteError(f"{path} cannot be written: {error}. An existing file is unchanged.")


# --- reading ----------------------------------------------------------------------------------


def read_file(path: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arrays and the data of a file that `write_file` wrote.

    The arrays are the file's own bytes, mapped into memory; writing to them does not change the
    file. Nothing in the file is executed. The file is opened once, so that one that replaces it
    meanwhile is not mixed with it. See `read_header` for what is checked.

    Raises
    ------
    FormatError
        If it cannot be read, or is not such a file.
    """
    path = file_path(path)
    try:
        with open_file(path) as stream:
            return _content(path, stream)
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error}.") from error


def _content(path: Path, stream: BinaryIO) -> tuple[dict[str, Any], dict[str, Any]]:
    size = os.fstat(stream.fileno()).st_size
    try:
        header = read_header(stream, size)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    except ValueError as error:
        _check_program(path, stream)
        raise FormatError(
            f"{path} is not a safetensors file, or is damaged or truncated: {error}."
        ) from error
    if _KEY not in header.metadata:
        raise FormatError(
            f"{path} is a safetensors file of another program: it does not describe the "
            "network. Make the model, and pass the file's arrays to load_state_dict."
        )
    data = _parsed(path, header.metadata[_KEY])
    arrays = _mapped(stream, header, size)
    _check_sum(path, arrays, data.pop(_SUM, None))
    return arrays, data


def _check_program(path: Path, stream: BinaryIO) -> None:
    """Raise if the first bytes belong to another kind of file.

    Call this only if the file is not a safetensors file: such a file begins with a length, which
    may look like anything.
    """
    stream.seek(0)
    start = stream.read(4)
    for known, what in _OTHERS.items():
        if start.startswith(known):
            raise FormatError(f"{path} is {what}, not an xpnet file.")
    if not start:
        raise FormatError(f"{path} is empty.")


def _mapped(stream: BinaryIO, header: Header, size: int) -> dict[str, Any]:
    """The arrays of a file whose header is valid."""
    if size == header.base:  # a file that ends here cannot be mapped in all systems
        memory: Any = bytes(size)
    else:
        memory = mmap(stream.fileno(), size, access=ACCESS_COPY)
    return {name: _array(memory, header.base, tensor) for name, tensor in header.tensors.items()}


def _array(memory: Any, base: int, tensor: Tensor) -> Any:
    dtype = np.dtype(_TYPES[tensor.kind])
    count = tensor.size // dtype.itemsize
    flat = np.frombuffer(memory, dtype, count, base + tensor.start) if count else np.empty(0, dtype)
    return flat.reshape(tensor.shape)


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        data = parsed_json(text)
    except ValueError as error:
        raise FormatError(f"{path}: its description is not valid JSON ({error}).") from error
    if not isinstance(data, dict):
        raise FormatError(f"{path}: its description is not a JSON object.")
    return data


def _check_sum(path: Path, arrays: dict[str, Any], expected: Any) -> None:
    """Raise unless the arrays have the checksum that was written with them, if there is one."""
    if expected is None or expected == checksum(arrays):
        return
    wrong = (n for n, a in arrays.items() if a.dtype.kind == "f" and not np.isfinite(a).all())
    name = next(wrong, None)
    hint = "" if name is None else f" Its tensor {name!r} holds NaN or infinite numbers."
    raise FormatError(
        f"{path} is damaged: its numbers were changed since it was written, since they do not have "
        f"the checksum {expected!r:.40}.{hint} Use a copy."
    )


def checksum(arrays: dict[str, Any]) -> str:
    """The sum, modulo 2**32, of the CRC-32 of each array's bytes in the file."""
    return f"crc32:{sum(map(_crc, arrays.values())) % 2**32:08x}"


def _crc(array: Any) -> int:
    flat = np.ascontiguousarray(array).reshape(-1)
    little = flat.astype(flat.dtype.newbyteorder("<"), copy=False)
    return crc32(little.view(np.uint8).data)
