"""The interface of a backend: an array library and the device of its arrays."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from math import isfinite
from types import ModuleType
from typing import Any, Literal, TypeAlias

from xpnet.typing import (
    Array,
    ArrayLike,
    BackendName,
    DType,
    DTypeName,
    Namespace,
    Precision,
    Shape,
    size_of,
)

__all__ = [
    "Backend",
    "BackendLike",
    "PlannedBackend",
    "Status",
]

Lowering: TypeAlias = Literal["none", "cpu", "cuda", "torch"]


@dataclass(frozen=True)
class Status:
    """A backend: its version, its devices, and whether it can run here."""

    name: str
    version: str | None
    usable: bool
    reason: str
    devices: tuple[str, ...] = ()


class Backend(ABC):
    """One array library as xpnet uses it.

    Attributes
    ----------
    name : str
        ``"numpy"``, ``"cupy"`` or the name of the namespace.
    xp : namespace
        The library as an Array API namespace; the ops' definitions run on it.
    raw : object or None
        The library's own functions with ``out=``, which the planner binds. None if there are
        none; then the interpreter runs the networks.
    families : tuple of str
        Kernel families that the planner may use, best first.
    block : int or None
        Elements that an update processes at a time, so that its operands stay in cache.
    planned : bool
        Whether the library writes results into given memory (``out=``), so that a step is planned
        once and then does not allocate; see `PlannedBackend`.
    lowering : {"none", "cpu", "cuda", "torch"}
        How the calls of a plan are lowered: not at all, by LLVM, by cuBLASLt for products and
        NVRTC for the rest, or unchanged, as a PyTorch CUDA graph; see `xpnet.lowering`.
    compiles : bool
        Whether runs of elementwise calls are fused into loops and compiled.
    faster_with : str or None
        The extra that compiles the calls of a plan, if it is not installed.
    denormals_cost : bool
        Whether arithmetic on denormal numbers is slow.
    synchronous : bool
        Whether results are ready when a call returns, so that reading a number costs nothing.
    traced : bool
        Whether the library compiles whole functions and loops; see `TracedBackend`.
    separate : bool
        Whether the device has memory of its own, which may run out.
    placed : bool
        Whether the user named the device; otherwise a model follows the device of its data.
    device : object
        Where its arrays live, in the form that the library takes; None for the default device.
    index : int or None
        The number of a CuPy device; None for other libraries.
    precision : str
        How the operands of matrix products are rounded, see `xpnet.backends.precision`.
    """

    name: str
    xp: Namespace
    raw: Any = None
    families: tuple[str, ...] = ()
    block: int | None = None
    planned: bool = False
    lowering: Lowering = "none"
    compiles: bool = False
    faster_with: str | None = None
    denormals_cost: bool = False
    synchronous: bool = True
    traced: bool = False
    separate: bool = False
    placed: bool = False
    device: Any = None
    index: int | None = None
    precision: Precision = "float32"

    @abstractmethod
    def owns(self, x: object) -> bool:
        """Whether `x` is an array of this library."""

    def plain(self, x: object) -> bool:
        """Whether `x` is exactly an array of this library, not of a subclass."""
        return self.owns(x)

    @abstractmethod
    def asarray(self, x: ArrayLike, dtype: str | None = None) -> Array:
        """An array of this library with the values of `x`; copied only if needed."""

    @abstractmethod
    def to_numpy(self, x: Array) -> Array:
        """The values of this library's array `x` as a NumPy array."""

    @property
    def library(self) -> str:
        """The name without the device."""
        return self.name.partition(":")[0]

    def dtype(self, name: str) -> Any:
        """The library's data type of this name."""
        return getattr(self.xp, name)

    def check(self, dtype: str) -> None:
        """Raise `DTypeError` or `BackendUnavailableError` if networks cannot be trained here."""
        return

    def counter(self, number: int) -> Array:
        """The number of a step, in the form that `xpnet.random` takes."""
        return self.asarray(number, "int64")

    @property
    def widest(self) -> DTypeName:
        """The most precise floating type of the device."""
        return "float64"

    def numbers(self, values: Sequence[float], dtype: str) -> Array:
        """A few numbers from the host as a vector, for a `compiled` function."""
        return self.asarray([*values], dtype)

    def element(self, x: Array, i: int) -> Array:
        """A copy of an element of a vector, as a 0-d array."""
        return self.copy(x[i, ...])

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A pure function of arrays, compiled where the library compiles whole functions."""
        return function

    def finite(self, x: Array) -> bool:
        """Whether all numbers of a floating array are finite; this waits for a GPU."""
        xp = self.xp
        flat = xp.reshape(x, (-1,))
        with self.quiet():
            # One product decides, at the speed of memory, unless it overflows; then check each.
            return isfinite(float(flat @ flat)) or bool(xp.all(xp.isfinite(x)))

    def within(self, x: Array, count: int) -> bool:
        """Whether all of these int64 numbers are from 0 to count - 1; this waits for a GPU."""
        return bool(self.xp.min(x) >= 0) and bool(self.xp.max(x) < count)

    def synchronize(self) -> None:
        """Wait until the device has finished all work; by default it always has."""
        return

    def work(self) -> AbstractContextManager[Any]:
        """Run the body on the backend's device.

        Raises
        ------
        DeviceMemoryError
            If the device runs out of memory.
        """
        return nullcontext()

    def release(self) -> None:
        """Free unused memory; by default the library does so by itself."""
        return

    def fits(self, nbytes: int) -> bool:
        """Whether this many bytes fit on the backend's device."""
        return True

    def quiet(self) -> AbstractContextManager[Any]:
        """Run the body without warnings of overflow and NaN; results are checked instead."""
        return nullcontext()

    def copy(self, x: Array) -> Array:
        """A copy of one of this library's arrays."""
        return self.xp.asarray(x, copy=True)

    def zeros(self, shape: Shape, dtype: str) -> Array:
        """An array of zeros."""
        return self.xp.zeros(shape, dtype=self.dtype(dtype), device=self.device)

    def joined(self, arrays: Iterable[Array]) -> Array:
        """The elements of these arrays, one after the other, as a new vector."""
        return self.xp.concat([self.xp.reshape(array, (-1,)) for array in arrays])

    def rows(self, source: Array, part: slice) -> Array:
        """Consecutive rows of `source`, as a view where the library has views."""
        return source[part, ...]

    def take(self, source: Array, index: Array) -> Array:
        """The rows of `source` at `index`."""
        return self.xp.take(source, index, axis=0)

    def assign(self, target: Array, values: Array) -> Array:
        """An array with these values: `target` itself if it is writable, else a copy."""
        return self.copy(values)

    def zeroed(self, target: Array) -> Array:
        """An array of zeros like `target`: that array itself where it can be written to."""
        return self.xp.zeros_like(target)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


BackendLike: TypeAlias = BackendName | str | ModuleType | Backend
"""A backend's name, an Array API namespace, or a backend."""


class PlannedBackend(Backend):
    """A backend whose library writes results into given memory (``out=``).

    Attributes
    ----------
    tests_as_numbers : bool
        Whether comparisons can write 0 and 1 into floating-point arrays. If so, a kernel never
        passes booleans to arithmetic.
    bounded : bool
        Whether `raw.take` gives NaN for a row that a matrix does not have, and `raw.add_at` then
        adds nothing. Elsewhere kernels see to it.
    """

    planned = True
    tests_as_numbers: bool = False
    bounded: bool = False

    def arena(self, nbytes: int) -> Array:
        """A flat piece of memory: `nbytes` unsigned bytes."""
        return self.raw.empty(nbytes, dtype="uint8")

    def view(self, arena: Array, offset: int, shape: Shape, dtype: str) -> Array:
        """The bytes of `arena` from `offset` as an array of this shape and type."""
        count = size_of(shape)
        size = self.raw.dtype(dtype).itemsize
        flat = arena[offset : offset + count * size].view(dtype)
        return flat.reshape(shape)

    @abstractmethod
    def gather(self, source: Array, out: Array) -> Callable[[Array], Any]:
        """A function of an index that writes the rows of `source` at the index into `out`."""

    @abstractmethod
    def address(self, x: Array) -> int:
        """The address of an array's first element."""

    def number(self, value: float, dtype: DType) -> Any:
        """A number in the form that is fastest for the library's functions."""
        return value

    def bound(
        self, function: Callable[..., Any], args: tuple[Any, ...], settings: dict[str, Any]
    ) -> Callable[[], Any]:
        """A call to one of the library's functions, ready to be made in each step."""
        return partial(function, *args, **settings)

    def takes_out(self, function: object) -> bool:
        """Whether this is the library's own function, with ``out=``, and not a wrapper."""
        return isinstance(function, type(self.raw.add))

    def dense(self, x: Array) -> bool:
        """Whether an array's elements are contiguous, row by row."""
        return bool(x.flags.c_contiguous)

    def setter(self, x: Array) -> Callable[[int, Any], Any]:
        """A function of a position and a value that sets the element or row at that position."""
        found: Callable[[int, Any], Any] = x.__setitem__
        return found

    def write(self, out: Array, values: ArrayLike) -> None:
        """Write values (an array of this library, or numbers) into `out`."""
        out[...] = values

    def assign(self, target: Array, values: Array) -> Array:
        self.write(target, values)
        return target

    def zeroed(self, target: Array) -> Array:
        self.write(target, 0)
        return target
