"""Names and kinds of data types, for which each library has objects of its own."""

from functools import cache
from typing import get_args

from xpnet.errors import DTypeError, in_brief
from xpnet.typing import DType, DTypeName

__all__ = ["FLOATS", "check_float", "dtype_name", "is_float", "kind_of", "tells_apart"]

FLOATS: tuple[DTypeName, ...] = get_args(DTypeName)
_EPSILON = {"float32": 2.0**-23, "float64": 2.0**-52}  # from 1 to the next number
_STEPS = 8  # between two numbers of a type, at least, in a standard deviation


def dtype_name(dtype: DType | type | str) -> str:
    """Name of any library's data type: ``torch.float32`` and ``dtype('float32')`` alike."""
    try:
        return _name(type(dtype).__module__, dtype)
    except TypeError as error:
        raise DTypeError(f"expected a data type, got {in_brief(dtype)}.") from error


@cache
def _name(library: str, dtype: DType | type | str) -> str:
    # Key by library first: some libraries warn if their types are compared with another's.
    # NumPy's types have a name without the byte order.
    return str(getattr(dtype, "name", dtype)).rpartition(".")[2]


def is_float(name: str) -> bool:
    """Whether a data type of this name is a floating type."""
    return isinstance(name, str) and name.startswith(("float", "bfloat"))


def kind_of(dtype: DType) -> str:
    """Kind of any library's data type: ``"f"``, ``"i"``, ``"u"`` (unsigned) or ``"b"``."""
    name = dtype_name(dtype)
    return "f" if is_float(name) else name[0]


def check_float(name: object) -> DTypeName:
    """The name of a floating type for training."""
    plain = isinstance(name, list | tuple | dict | set)  # `name` may be any object
    text = "" if plain else str(getattr(name, "__name__", name)).rpartition(".")[2]
    if text not in FLOATS:
        raise DTypeError(
            f"dtype must be one of {', '.join(map(repr, FLOATS))}, got {in_brief(name)}: "
            "parameters and "
            "gradients need a floating type."
        )
    return "float32" if text == "float32" else "float64"


def tells_apart(dtype: str, mean: float, deviation: float) -> bool:
    """Whether a floating type has the digits for numbers with this mean and standard deviation.

    float32 has about 7: seconds since 1970 are 128 apart in it, and degrees near 50 are 4e-6.
    """
    return bool(abs(deviation) >= _STEPS * _EPSILON[dtype] * abs(mean))
