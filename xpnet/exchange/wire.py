"""Check the bytes of a protobuf message before they are parsed.

Two bytes may stand for a message that takes a hundred in memory, so the fields are counted first.
"""

from typing import Any

from xpnet.errors import FormatError

__all__ = ["check_wire"]

_FIELDS = 500_000
_DEEPEST = 50
_FORBIDDEN = ("onnx.TensorProto.external_data",)  # other files are never read
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5


def check_wire(content: bytes, kind: Any) -> None:
    """Raise unless the bytes are such a message, with a sensible number of fields.

    Parameters
    ----------
    content : bytes
    kind : Descriptor
        Of the message.

    Raises
    ------
    FormatError
        If it is cut off, has too many fields or levels, or refers to another file.
    """
    _walk(content, 0, len(content), kind, 0, _FIELDS)


def _walk(content: bytes, at: int, end: int, kind: Any, depth: int, left: int) -> int:
    """Check the message between two places; how many fields may still come."""
    if depth > _DEEPEST:
        raise FormatError(f"is nested more than {_DEEPEST} levels deep.")
    known = kind.fields_by_number
    while at < end:
        left -= 1
        if left < 0:
            raise FormatError(f"has more than {_FIELDS:,} fields.")
        key, at = _varint(content, at, end)
        start, at = _skipped(content, at, end, key & 7)
        field = known.get(key >> 3) if key & 7 == _BYTES else None
        if field is None:
            continue
        if field.full_name in _FORBIDDEN:
            raise FormatError(
                "has tensors in other files, which are not read: save it as one file."
            )
        if field.message_type is not None:
            left = _walk(content, start, at, field.message_type, depth + 1, left)
    return left


def _skipped(content: bytes, at: int, end: int, kind: int) -> tuple[int, int]:
    """Where a field's value begins and ends."""
    if kind == _BYTES:
        length, at = _varint(content, at, end)
    elif kind == _VARINT:
        _, stop = _varint(content, at, end)
        length = stop - at
    elif kind in (_EIGHT, _FOUR):
        length = 8 if kind == _EIGHT else 4
    else:
        raise FormatError("is not a valid ONNX file (it has groups, which ONNX does not use).")
    if length > end - at:
        raise FormatError("is not a valid ONNX file (it is truncated or damaged).")
    return at, at + length


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """A number, and where it ends."""
    found = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = content[at]
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found, at
    raise FormatError("is not a valid ONNX file (it is truncated or damaged).")
