"""Names and kinds of data types, for which each library has objects of its own."""

from functools import cache
from typing import get_args

from xpnet.errors import DTypeError
from xpnet.typing import DType, DTypeName

__all__ = ["FLOATS", "check_float", "dtype_name", "is_float", "kind_of"]

FLOATS: tuple[DTypeName, ...] = get_args(DTypeName)


def dtype_name(dtype: DType | type | str) -> str:
    """Name of any library's data type: ``torch.float32`` and ``dtype('float32')`` alike."""
    return _name(type(dtype).__module__, dtype)


@cache
def _name(library: str, dtype: DType | type | str) -> str:
    # Key by library first: some libraries warn if their types are compared with another's.
    # NumPy's types have a name without the byte order.
    return str(getattr(dtype, "name", dtype)).rpartition(".")[2]


def is_float(name: str) -> bool:
    """Whether a data type of this name is a floating type."""
    return name.startswith(("float", "bfloat"))


def kind_of(dtype: DType) -> str:
    """Kind of any library's data type: ``"f"``, ``"i"``, ``"u"`` (unsigned) or ``"b"``."""
    name = dtype_name(dtype)
    return "f" if is_float(name) else name[0]


def check_float(name: object) -> DTypeName:
    """The name of a floating type for training."""
    text = str(getattr(name, "__name__", name)).rpartition(".")[2]  # `name` may be any object
    if text not in FLOATS:
        raise DTypeError(
            f"dtype must be one of {', '.join(map(repr, FLOATS))}, got {name!r}: parameters and "
            "gradients need a floating type."
        )
    return "float32" if text == "float32" else "float64"
