"""A namespace that computes nothing: run with it, an op's definition writes ONNX operators.

It has the part of the Array API that the ops use, so that it can write every op, even one that
ONNX lacks. Ops that are single standard operators are in `onnx_ops`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from xpnet.kernels.terms import Term, Underivable
from xpnet.ops.reduce import normal_axes, reduced_shape
from xpnet.ops.shape import reshaped
from xpnet.ops.signature import broadcast_shapes
from xpnet.typing import Shape

__all__ = ["ML", "OnnxWriter", "Operator", "Tensor"]

ML = "ai.onnx.ml"  # the domain of operators on texts

_ELEMENTWISE = {
    "abs": "Abs",
    "add": "Add",
    "bitwise_and": "And",
    "bitwise_invert": "Not",
    "bitwise_or": "Or",
    "ceil": "Ceil",
    "cos": "Cos",
    "divide": "Div",
    "equal": "Equal",
    "exp": "Exp",
    "floor": "Floor",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "isnan": "IsNaN",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "log": "Log",
    "logical_and": "And",
    "logical_not": "Not",
    "logical_or": "Or",
    "maximum": "Max",
    "minimum": "Min",
    "multiply": "Mul",
    "negative": "Neg",
    "pow": "Pow",
    "sign": "Sign",
    "sin": "Sin",
    "sqrt": "Sqrt",
    "subtract": "Sub",
    "tanh": "Tanh",
}
_TESTS = {"equal", "greater", "greater_equal", "isnan", "less", "less_equal"}
_FACTS = {"inf": float("inf"), "nan": float("nan")} | {
    name: name for name in ("bool", "float32", "float64", "int32", "int64")
}
_LAST = np.iinfo(np.int64).max


class Tensor(Term):
    """A value of an ONNX graph, with its shape for the number of rows in this trace."""

    def __init__(self, xp: "OnnxWriter", name: str, shape: Shape, dtype: str) -> None:
        super().__init__(xp, shape, dtype)
        self.name = name

    @property
    def device(self) -> None:
        """None: it has no elements."""
        return None


@dataclass(frozen=True)
class Operator:
    """One operator of an ONNX graph."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = ""


class OnnxWriter:
    """The namespace; `operators`, `constants` and `shapes` hold what has been written.

    Shapes are constants too, but they may contain the number of rows.
    """

    def __init__(self) -> None:
        self.operators: list[Operator] = []
        self.constants: dict[str, Any] = {}
        self.shapes: dict[str, Shape] = {}
        self._known: dict[Any, str] = {}

    def __getattr__(self, name: str) -> Any:
        if name in _ELEMENTWISE:
            return partial(self._elementwise, name)
        if name in _FACTS:
            return _FACTS[name]
        raise Underivable(f"xp.{name}")

    # The parts of an ONNX graph

    def emit(
        self,
        kind: str,
        inputs: Sequence[Tensor],
        shape: Shape,
        dtype: str,
        *,
        domain: str = "",
        **attributes: Any,
    ) -> Tensor:
        """Append an operator; return its result."""
        name, read = f"/v{len(self.operators)}", tuple(tensor.name for tensor in inputs)
        self.operators.append(Operator(kind, read, name, attributes, domain))
        return Tensor(self, name, shape, dtype)

    def constant(self, data: Any, dtype: str) -> Tensor:
        """A constant of the graph; equal constants are written once."""
        array = np.asarray(data, dtype=dtype)
        key = (dtype, array.shape, array.tobytes())
        name = self._known.setdefault(key, f"/c{len(self.constants)}")
        self.constants[name] = array
        return Tensor(self, name, array.shape, dtype)

    def _typed(self, xs: Sequence[Any]) -> tuple[list[Tensor], Shape, str]:
        """Terms and numbers as tensors of one type, their common shape, and the type."""
        dtypes = {str(x.dtype) for x in xs if isinstance(x, Term)}
        if len(dtypes) != 1:
            raise Underivable(f"mixed types {sorted(dtypes)}")
        dtype = dtypes.pop()
        tensors = [x if isinstance(x, Tensor) else self.constant(x, dtype) for x in xs]
        shape = broadcast_shapes([t.shape for t in tensors])
        if shape is None:
            raise Underivable("shapes that do not broadcast")
        return tensors, shape, dtype

    # Elementwise functions

    def _elementwise(self, name: str, *xs: Any) -> Tensor:
        tensors, shape, dtype = self._typed(xs)
        return self.emit(_ELEMENTWISE[name], tensors, shape, "bool" if name in _TESTS else dtype)

    def not_equal(self, a: Any, b: Any) -> Tensor:
        """Where a and b differ."""
        differ: Tensor = self.bitwise_invert(self.equal(a, b))
        return differ

    def isfinite(self, x: Tensor) -> Any:
        """Where x is neither NaN nor infinite."""
        return self.less(self.abs(x), float("inf"))

    def expm1(self, x: Tensor) -> Tensor:
        """E**x - 1 to full precision, as 2 t / (1 - t) with t = tanh(x / 2) where |x| < 1."""
        t = self.tanh(x * 0.5)
        return self.where(self.abs(x) < 1, 2 * t / (1 - t), self.exp(x) - 1)

    def log1p(self, x: Tensor) -> Tensor:
        """Ln(1 + x) to full precision: ln u times x / (u - 1), a factor that corrects the rounding
        of u = 1 + x (Kahan's form).
        """
        u = 1 + x
        safe = self.where(self.equal(u, 1.0), self.full_like(x, 2.0), u)
        exact = self.equal(u - 1, x)
        near = self.where(self.equal(u, 1.0), x, self.log(safe) * (x / (safe - 1)))
        return self.where(exact, self.log(u), near)

    def where(self, condition: Tensor, a: Any, b: Any) -> Tensor:
        """The value of a where the condition holds, else b."""
        tensors, shape, dtype = self._typed([a, b])
        shape = broadcast_shapes([condition.shape, shape]) or ()
        return self.emit("Where", [condition, *tensors], shape, dtype)

    def astype(self, x: Tensor, dtype: str, *, copy: bool = True, device: Any = None) -> Tensor:
        """Convert x to another type."""
        return x if x.dtype == dtype else self.emit("Cast", [x], x.shape, dtype, to=dtype)

    def asarray(self, x: Tensor, *, dtype: Any = None, copy: Any = None) -> Tensor:
        """Return x itself: nothing writes into it."""
        return x if dtype is None else self.astype(x, dtype)

    def arange(self, stop: int, *, dtype: str, device: Any = None) -> Tensor:
        """0, 1, ..., stop - 1."""
        return self.constant(np.arange(stop), dtype)

    def full_like(self, x: Tensor, number: float, **_: Any) -> Tensor:
        """One number, in the shape of x."""
        shape = self.emit("Shape", [x], (x.ndim,), "int64")
        return self.emit("Expand", [self.constant(number, x.dtype), shape], x.shape, x.dtype)

    def zeros_like(self, x: Tensor) -> Tensor:
        """Zeros in the shape of x."""
        return self.full_like(x, 0)

    def ones_like(self, x: Tensor) -> Tensor:
        """Ones in the shape of x."""
        return self.full_like(x, 1)

    # Reductions and products

    def _reduced(self, kind: str, x: Tensor, axis: Any, keepdims: bool) -> Tensor:
        axes = normal_axes(axis, x.ndim)
        shape = reduced_shape([x.shape], axis=axes, keepdims=keepdims)
        if not axes:
            return x
        return self.emit(
            kind, [x, self.constant(axes, "int64")], shape, x.dtype, keepdims=int(keepdims)
        )

    def sum(self, x: Tensor, *, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Sum over axes."""
        return self._reduced("ReduceSum", x, axis, keepdims)

    def mean(self, x: Tensor, *, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Mean over axes."""
        return self._reduced("ReduceMean", x, axis, keepdims)

    def max(self, x: Tensor, *, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Maximum over axes."""
        return self._reduced("ReduceMax", x, axis, keepdims)

    def argmax(self, x: Tensor, *, axis: int) -> Tensor:
        """The index of the largest element along an axis, the first if there are several."""
        at = axis % x.ndim
        shape = (*x.shape[:at], *x.shape[at + 1 :])
        return self.emit("ArgMax", [x], shape, "int64", axis=at, keepdims=0)

    def matmul(self, a: Tensor, b: Tensor) -> Tensor:
        """The matrix product."""
        loop = broadcast_shapes([a.shape[:-2], b.shape[:-2]]) or ()
        return self.emit("MatMul", [a, b], (*loop, a.shape[-2], b.shape[-1]), a.dtype)

    # Shapes

    def reshape(self, x: Tensor, shape: Shape, *, copy: Any = None) -> Tensor:
        """The same elements in another shape."""
        shape = reshaped([x.shape], shape=tuple(shape))
        name = f"/s{len(self.shapes)}"
        self.shapes[name] = shape
        return self.emit("Reshape", [x, Tensor(self, name, (len(shape),), "int64")], shape, x.dtype)

    def expand_dims(self, x: Tensor, *, axis: int = 0) -> Tensor:
        """A new axis of length 1."""
        at = axis % (x.ndim + 1)
        shape = (*x.shape[:at], 1, *x.shape[at:])
        return self.emit("Unsqueeze", [x, self.constant([at], "int64")], shape, x.dtype)

    def matrix_transpose(self, x: Tensor) -> Tensor:
        """Swap the last two axes."""
        order = [*range(x.ndim - 2), x.ndim - 1, x.ndim - 2]
        shape = tuple(x.shape[i] for i in order)
        return self.emit("Transpose", [x], shape, x.dtype, perm=order)

    def concat(self, xs: Sequence[Tensor], *, axis: int = 0) -> Tensor:
        """Join values along an axis."""
        at = axis % xs[0].ndim
        length = sum(x.shape[at] for x in xs)
        shape = (*xs[0].shape[:at], length, *xs[0].shape[at + 1 :])
        return self.emit("Concat", xs, shape, xs[0].dtype, axis=at)

    def take(self, x: Tensor, ids: Tensor, *, axis: int) -> Tensor:
        """Rows of x by number."""
        shape = (*x.shape[:axis], *ids.shape, *x.shape[axis + 1 :])
        return self.emit("Gather", [x, ids], shape, x.dtype, axis=axis)

    def index(self, x: Tensor, key: Any) -> Tensor:
        """A part of x, by slices; full slices are left out, whatever the length of the axis."""
        cuts, shape = [], list(x.shape)
        keys = [k for k in (key if isinstance(key, tuple) else (key,)) if k is not ...]
        if any(not isinstance(k, slice) for k in keys) or len(keys) < x.ndim:
            raise Underivable(f"the index {key!r}")
        for axis, k in enumerate(keys):
            if k != slice(None):
                first, last, step = k.indices(x.shape[axis])
                cuts.append((axis, first, last, step))
                shape[axis] = len(range(first, last, step))
        if not cuts:
            return x
        axes, starts, ends, steps = (
            self.constant(list(c), "int64") for c in zip(*cuts, strict=True)
        )
        return self.emit("Slice", [x, starts, ends, axes, steps], tuple(shape), x.dtype)
