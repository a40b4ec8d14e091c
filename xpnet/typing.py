"""Type aliases: arrays, objects accepted as arrays, and settings with few values.

They serve type checkers and editors; nothing is checked at run time.
"""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Protocol, TypeAlias

__all__ = [
    "Array",
    "ArrayLike",
    "BackendName",
    "ClassWeight",
    "DType",
    "DTypeLike",
    "DTypeName",
    "FilePath",
    "Namespace",
    "Precision",
    "Schedule",
    "Shape",
    "SupportsArray",
    "SupportsColumns",
    "TypedArray",
    "ValidationData",
    "size_of",
]

Namespace: TypeAlias = Any
"""A module that follows the Python Array API standard (numpy, cupy, torch's wrapper, ...)."""

Array: TypeAlias = Any
"""An array of any library, so no single type has all its methods."""

Shape: TypeAlias = tuple[int, ...]

FilePath: TypeAlias = str | PathLike[str]

DTypeName: TypeAlias = Literal["float32", "float64"]
"""The types that networks can be trained in."""

Precision: TypeAlias = Literal["float32", "tf32", "bfloat16", "float16"]
"""How the operands of matrix products are rounded on a GPU."""

BackendName: TypeAlias = Literal["numpy", "cupy", "torch", "jax", "auto"]
"""The names of backends; ``"cupy:1"``, the second GPU, is accepted too."""


class DType(Protocol):
    """A data type of some library, such as ``numpy.dtype("float32")`` or ``torch.float32``."""

    @property
    def itemsize(self) -> int:
        """Bytes of one number."""

    def __hash__(self) -> int: ...


DTypeLike: TypeAlias = DTypeName | DType | type
"""A name, or a library's own type of that name, such as ``numpy.float32``."""


class TypedArray(Protocol):
    """The attributes that all arrays and symbolic values have."""

    @property
    def shape(self) -> Shape:
        """The lengths of its axes."""

    @property
    def dtype(self) -> Any:
        """The type of its numbers."""


class SupportsArray(Protocol):
    """An object that NumPy can convert, such as a pandas DataFrame."""

    def __array__(self, *args: Any, **kwargs: Any) -> Any: ...


class SupportsColumns(Protocol):
    """A data frame, such as those of pandas, polars and pyarrow."""

    @property
    def columns(self) -> Any: ...


ArrayLike: TypeAlias = TypedArray | SupportsArray | Sequence[Any] | float
"""An array of any library, or an object that converts to one: lists, tables, numbers."""

ClassWeight: TypeAlias = Literal["balanced"] | Mapping[int, float] | Sequence[float] | TypedArray
"""A factor for each class: by its number, or in order."""

ValidationData: TypeAlias = (
    tuple[ArrayLike, ArrayLike] | tuple[ArrayLike, ArrayLike, ArrayLike | None]
)
"""``(X, y)`` or ``(X, y, sample_weight)``."""


class Schedule(Protocol):
    """``schedule(epoch)`` is a number, such as a learning rate, at that time; training starts at 0.

    It is called at the start of each epoch, and in every step if its attribute ``varies`` is
    true.
    """

    def __call__(self, epoch: float) -> float: ...


def size_of(shape: Sequence[int]) -> int:
    """Count the elements of an array of this shape."""
    count = 1
    for length in shape:
        count *= length
    return count
