"""The header of a safetensors file, checked against the file's size before anything is made."""

import json
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO

from xpnet.errors import FormatError

__all__ = ["SIZES", "Header", "Tensor", "parsed_json", "read_header"]

SIZES = {
    "BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "U32": 4, "I32": 4, "U64": 8, "I64": 8,
    "F16": 2, "F32": 4, "F64": 8,
}  # fmt: skip
_LONGEST = 16 * 2**20  # bytes of the header
_TENSORS = 50_000  # 10,000 objects have 40,000, at most
_DIMENSIONS = 64  # as many as NumPy has
_NAME = 1000  # characters

# Bytes that Python needs for JSON: a dict, another value, and what any file may take in addition.
_DICT, _VALUE, _FREE = 240, 64, 24 * 2**20


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies in the file, and what it is."""

    kind: str
    shape: tuple[int, ...]
    start: int
    size: int


@dataclass(frozen=True)
class Header:
    """What a file says of itself: its texts, its tensors by name, and where their bytes begin."""

    metadata: dict[str, str]
    tensors: dict[str, Tensor]
    base: int


def read_header(stream: BinaryIO, size: int) -> Header:
    """Read the header of a file of this many bytes, up to where the tensors begin.

    Raises
    ------
    ValueError
        If the file is no safetensors file, is cut off, or has more than the limits allow.
    """
    start = stream.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8:
        raise ValueError("it is truncated: it has no header")
    if length > size - 8:
        too_large = "too large" if length > 2**40 else "truncated"
        raise ValueError(f"it is {too_large}: a header of {length:,} bytes in {size:,}")
    if length > _LONGEST:
        raise ValueError(f"its header has {length:,} bytes, more than {_LONGEST:,}")
    found = parsed_json(stream.read(length))
    if not isinstance(found, dict):
        raise ValueError("its header is not a JSON object")
    metadata = found.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("its metadata are not texts")
    if len(found) > _TENSORS:
        raise ValueError(f"it has more than {_TENSORS:,} tensors")
    tensors = {name: _tensor(name, entry) for name, entry in found.items()}
    _check_places(tensors, size - 8 - length)
    return Header(metadata, tensors, 8 + length)


def parsed_json(text: bytes | str) -> Any:
    """The value of a JSON text without NaN and names that occur twice, and of a sensible size.

    Raises
    ------
    ValueError
        If it is not such a text, or takes many times its size in memory.
    """
    text = text.decode() if isinstance(text, bytes) else text
    values = _DICT * text.count("{") + _VALUE * (text.count("[") + text.count(","))
    if values > _FREE + 6 * len(text):
        raise ValueError(f"its {len(text):,} characters of JSON hold too many small values")
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refused)
    except RecursionError as error:
        raise ValueError("its JSON is nested too deep") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


def _tensor(name: str, entry: Any) -> Tensor:
    if len(name) > _NAME:
        raise ValueError(f"a tensor's name has more than {_NAME:,} characters")
    match entry:
        case {"dtype": str(kind), "shape": list(shape), "data_offsets": [start, end], **rest}:
            sizes = [*shape, start, end]
            good = not rest and len(shape) <= _DIMENSIONS and all(map(_is_size, sizes))
            if good and kind not in SIZES:
                shown = repr(kind[:40])[1:-1]
                raise FormatError(f"its tensor {name!r} has the type {shown}, which NumPy lacks.")
            if good and prod(shape) * SIZES[kind] == end - start:
                return Tensor(kind, tuple(shape), start, end - start)
    raise ValueError(f"its tensor {name!r} has a shape and a size that do not fit")


def _is_size(number: Any) -> bool:
    return type(number) is int and 0 <= number < 2**63


def _check_places(tensors: dict[str, Tensor], size: int) -> None:
    """Raise unless the tensors fill these bytes without gap or overlap."""
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].size)):
        if tensor.start != end:
            raise ValueError(f"there is a gap or an overlap before its tensor {name!r}")
        end += tensor.size
    if end != size:
        word = "truncated" if end > size else "damaged"
        raise ValueError(f"it is {word}: its tensors take {end:,} bytes, but it has {size:,}")
