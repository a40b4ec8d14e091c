"""Read recorded calls: what each does, if a loop can do it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from xpnet.backends.base import PlannedBackend
from xpnet.backends.data_types import dtype_name
from xpnet.kernels import Call
from xpnet.kernels.loops import draw
from xpnet.lowering.intervals import EVERYTHING, Range, dense_range, spanned
from xpnet.ops.reduce import normal_axes
from xpnet.typing import Shape, size_of

__all__ = ["Operand", "Reader", "Work"]

# Names of functions in a loop; each is in the library's `raw` or `xp`.
_ELEMENTWISE = """abs add bitwise_and bitwise_invert bitwise_or bitwise_xor cos divide equal exp
    expm1 greater greater_equal isfinite isinf isnan less less_equal log log1p logical_and
    logical_not logical_or logical_xor maximum minimum multiply negative not_equal pow sign sin sqrt
    subtract tanh""".split()
_REDUCTIONS = ("sum", "max", "min", "argmax")
_TASKS = ("matmul", "take", "add_at")  # which no loop can do
_SAME = {"power": "pow", "absolute": "abs", "invert": "bitwise_invert"}


@dataclass(frozen=True, eq=False)
class Operand:
    """An array as a call sees it. Strides are in bytes."""

    array: Any
    address: int
    shape: Shape
    strides: Shape
    dtype: str
    itemsize: int

    @cached_property
    def range(self) -> Range:
        """From its first byte to the end of its last."""
        return spanned(self.address, self.shape, self.strides, self.itemsize)

    @cached_property
    def dense(self) -> Range | None:
        """Its bytes if it has no holes, else None."""
        return dense_range(self.address, self.shape, self.strides, self.itemsize)


@dataclass(eq=False)
class Work:
    """A call that a loop can do: ``out[...] = name(*args)``; a reduction has `axes`."""

    name: str
    args: list[Any]
    out: Operand
    axes: tuple[int, ...] | None = None


class Reader:
    """Reads the calls of one backend."""

    def __init__(self, backend: PlannedBackend) -> None:
        self._backend = backend
        self._operands: dict[int, Operand] = {}  # by the identity of the array, which each keeps
        self._names: dict[Any, str] = {draw: "draw"}
        for name in (*_ELEMENTWISE, *_REDUCTIONS, *_TASKS, "copyto", *_SAME):
            for source in (backend.xp, backend.raw):
                function = getattr(source, name, None)
                if function is not None:
                    self._names[function] = _SAME.get(name, name)

    def name(self, call: Call) -> str | None:
        """The name of the called function, if it is known."""
        try:
            return self._names.get(call.fn)
        except TypeError:  # not hashable
            return None

    def operand(self, array: Any) -> Operand:
        """An array as a call sees it."""
        found = self._operands.get(id(array))
        if found is None:
            shape, strides = tuple(array.shape), tuple(array.strides)
            dtype = dtype_name(array.dtype)
            address = self._backend.address(array)
            found = Operand(array, address, shape, strides, dtype, array.dtype.itemsize)
            self._operands[id(array)] = found
        return found

    def work(self, call: Call) -> Work | None:
        """The work of a call; None if no loop can do it."""
        name, kwargs = self.name(call), dict(call.kwargs)
        if name in (None, "draw", *_TASKS):
            return None
        if name == "copyto":
            return self._copy(call)
        out = kwargs.pop("out", None)
        if out is None or not all(self._readable(a) for a in call.args):
            return None
        args = [self._argument(a) for a in call.args]
        if name not in _REDUCTIONS:
            return None if kwargs else Work(name, args, self.operand(out))
        axis = kwargs.pop("axis", None)
        kwargs.pop("keepdims", None)
        # NumPy's reductions have different defaults, so the axis must be explicit.
        if (
            "axis" not in call.kwargs
            or kwargs
            or len(args) != 1
            or not isinstance(args[0], Operand)
        ):
            return None
        if size_of(args[0].shape) == 1:
            return Work("copy", [0] if name == "argmax" else args, self.operand(out))
        axes = tuple(normal_axes(axis, len(args[0].shape)))
        return Work(name, args, self.operand(out), axes)

    def _copy(self, call: Call) -> Work | None:
        out, source = call.args
        mask = call.kwargs.get("where")
        if not self._readable(source) or not (mask is None or self._backend.owns(mask)):
            return None
        target = self.operand(out)
        if mask is None:
            return Work("copy", [self._argument(source)], target)
        return Work("where", [self.operand(mask), self._argument(source), target], target)

    def _readable(self, x: Any) -> bool:
        return isinstance(x, int | float) or self._backend.owns(x)

    def _argument(self, x: Any) -> Any:
        if isinstance(x, int | float):
            return x
        # A NumPy scalar has no lasting memory.
        return self.operand(x) if self._backend.plain(x) else x.item()

    def effects(self, call: Call) -> tuple[list[Range], Range | None]:
        """The bytes that a call may read, and those that it certainly overwrites."""
        name = self.name(call)
        if name is None:
            return [EVERYTHING], None
        arrays = [*call.args, *(v for k, v in call.kwargs.items() if k != "out")]
        written = call.kwargs.get("out")
        if "where" in call.kwargs:  # elements that it does not write are still needed
            arrays, written = [*arrays, *([] if written is None else [written])], None
        elif name == "copyto":
            written, arrays = call.args[0], arrays[1:]
        found = [self.operand(a).range for a in self._flat(arrays)]
        return found, None if written is None else self.operand(written).dense

    def flops(self, call: Call) -> int:
        """Flops of a matrix product; 0 for any other call."""
        if self.name(call) != "matmul":
            return 0
        return 2 * size_of(call.kwargs["out"].shape) * int(call.args[0].shape[-1])

    def _flat(self, arrays: Any) -> Iterator[Any]:
        for a in arrays:
            if isinstance(a, tuple | list):
                yield from self._flat(a)
            elif self._backend.owns(a):
                yield a
