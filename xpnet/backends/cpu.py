"""NumPy: arrays in host memory."""

from collections.abc import Callable
from functools import partial
from math import isfinite
from types import SimpleNamespace
from typing import Any

import numpy as np

from xpnet.backends.base import PlannedBackend
from xpnet.typing import Array, ArrayLike, DType, Shape, size_of

__all__ = ["NumpyBackend"]

_LINE = 64  # bytes of a cache line and of the widest vector; memory is aligned to it


def _take(source: Any, index: Any, out: Any) -> None:
    """The elements or rows at an index; of a matrix, NaN for a row that it does not have."""
    source.take(index, axis=0, out=out, mode="clip")  # other modes buffer `out`
    if source.ndim == 2 and not _within(index, len(source)):
        out[(index < 0) | (index >= len(source))] = np.nan


def _add_at(target: Any, index: Any, values: Any) -> None:
    """Add values to the elements or rows at an index; nothing where there is none."""
    if not _within(index, len(target)):
        known = (index >= 0) & (index < len(target))
        index, values = index[known], values[known]
    np.add.at(target, index, values)


def _within(x: Any, count: int) -> bool:
    """Whether all of these int64 numbers are from 0 to count - 1."""
    found = x.reshape(-1).view("uint64")  # numbers below 0 are large there
    # After `max`, the next compiled step took 5 to 20 us more on an AMD machine.
    return not found.size or bool(found[found.argmax()] < count)


# A ufunc's reduce saves a microsecond per call over np.sum and np.max.
RAW = SimpleNamespace(
    **{
        name: getattr(np, name)
        for name in """abs add arange concatenate copyto divide
       dtype empty equal exp expand_dims greater greater_equal log log1p matmul maximum
       minimum multiply negative  ones power sqrt subtract swapaxes tanh zeros""".split()
    },
    add_at=_add_at,
    max=np.maximum.reduce,
    sum=np.add.reduce,
    # Methods, to avoid the Python wrappers of NumPy's functions. Other modes buffer `out`.
    argmax=np.ndarray.argmax,
    take=_take,
    put=partial(np.ndarray.put, mode="clip"),
)


class NumpyBackend(PlannedBackend):
    """NumPy (2.0 or newer follows the Array API standard itself).

    Parameters
    ----------
    compiles : bool
        Whether recorded calls are fused into loops, which LLVM compiles (extra ``fast``).
    """

    name = "numpy"
    xp = np
    raw = RAW
    families: tuple[str, ...] = ("out",)
    block = 16384
    device = "cpu"
    denormals_cost = True
    bounded = True

    def __init__(self, compiles: bool = False) -> None:
        self.compiles = compiles
        if compiles:
            self.families, self.lowering = ("loops", "out"), "cpu"

    def owns(self, x: object) -> bool:
        return isinstance(x, np.ndarray | np.generic)

    def plain(self, x: object) -> bool:
        return type(x) is np.ndarray  # not a matrix or a masked array

    def arena(self, nbytes: int) -> Any:
        memory = np.empty(nbytes + _LINE, dtype="uint8")
        start = -self.address(memory) % _LINE
        return memory[start : start + nbytes]

    def zeros(self, shape: Shape, dtype: str) -> Any:
        memory = self.arena(size_of(shape) * np.dtype(dtype).itemsize)
        memory[...] = 0
        return memory.view(dtype).reshape(shape)

    def asarray(self, x: ArrayLike, dtype: str | None = None) -> Any:
        return np.asarray(x, dtype=dtype, order="C")  # gathering rows of other layouts is slow

    def to_numpy(self, x: Array) -> Any:
        return np.asarray(x)

    def address(self, x: Array) -> int:
        return int(x.__array_interface__["data"][0])

    def finite(self, x: Array) -> bool:
        return isfinite(np.vdot(x, x)) or bool(np.isfinite(x).all())  # `vdot` gives no warnings

    def within(self, x: Array, count: int) -> bool:
        return _within(x, count)

    def quiet(self) -> Any:
        return np.errstate(all="ignore")

    def number(self, value: float, dtype: DType) -> Array:
        kind: Any = dtype
        return np.asarray(value, dtype=kind)  # saves a conversion, 0.3 us, at every call

    def bound(
        self, function: Callable[..., Any], args: tuple[Any, ...], settings: dict[str, Any]
    ) -> Callable[[], Any]:
        if function is _take and args[0].ndim == 1:  # NaN is for rows alone: one call less
            return partial(args[0].take, *args[1:], axis=0, mode="clip", **settings)
        return super().bound(function, args, settings)

    def gather(self, source: Array, out: Array) -> Callable[[Array], Any]:
        return partial(source.take, axis=0, out=out, mode="clip")
