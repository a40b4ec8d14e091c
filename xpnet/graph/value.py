"""Symbolic arrays, which record the operations on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xpnet import ops
from xpnet.errors import GraphError
from xpnet.ops.shape import cuts
from xpnet.typing import Shape

__all__ = ["Value"]

_REFLECTED = {
    op.name: op for op in (ops.add, ops.subtract, ops.multiply, ops.divide, ops.power, ops.matmul)
}


@dataclass(eq=False, repr=False)
class Value:
    """A symbolic array: an input, a parameter, a constant, the step, or what a node computes.

    Python's operators and the functions of `xpnet.ops` append nodes to its graph.
    """

    graph: Any  # the Graph, which is made of values
    kind: str
    name: str
    shape: Shape
    dtype: str
    data: Any = None  # a constant's number or array

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        """Handle ``array * value``; NumPy's other functions do not apply."""
        op = _REFLECTED.get(ufunc.__name__) if method == "__call__" and not kwargs else None
        return self.__array_function__(ufunc, (), args, kwargs) if op is None else op(*args)

    def _apply(self, op: Any, args: tuple[Any, ...], static: dict[str, Any]) -> Value:
        """Append an op to the graph."""
        value: Value = self.graph.append(op, args, static)
        return value

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def mT(self) -> Value:
        """The matrix transpose: the last two axes exchanged."""
        return self._apply(ops.transpose, (self,), {})

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name}: {self.dtype}{list(self.shape)}>"

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        raise GraphError(
            f"numpy.{function.__name__} cannot be applied to a symbolic value; use the functions "
            "of xpnet.ops, or Python's operators."
        )

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise GraphError(
            "a symbolic value holds no numbers and cannot become a NumPy array; use the functions "
            "of xpnet.ops, or Python's operators."
        )

    def _compare(self, other: Any) -> Any:
        raise GraphError(
            "symbolic values cannot be compared: a traced function cannot branch on its data. "
            "Branch on shapes, or write the choice as arithmetic."
        )

    __lt__ = __le__ = __gt__ = __ge__ = _compare

    def __getitem__(self, key: Any) -> Value:
        """A part of the value: ``x[:, 2:5]``, ``x[..., :3]``. A whole number removes its axis."""
        value = self
        parts, removed = cuts(key, self.shape)
        for axis, part in parts:
            value = ops.slice(value, axis=axis, start=part.start, stop=part.stop)
        if not removed:
            return value
        shape = tuple(n for i, n in enumerate(value.shape) if i not in removed)
        return self._apply(ops.reshape, (value,), {"shape": shape})

    def __bool__(self) -> bool:
        raise GraphError(
            "a symbolic value has no truth value: a traced function cannot branch on its data. "
            "Branch on shapes, or write the choice as arithmetic."
        )

    def __len__(self) -> int:
        raise GraphError("a symbolic value has no length; use .shape[0].")

    def __iter__(self) -> Any:
        raise GraphError("a symbolic value cannot be iterated over.")

    def __add__(self, other: Any) -> Value:
        return self._apply(ops.add, (self, other), {})

    def __radd__(self, other: Any) -> Value:
        return self._apply(ops.add, (other, self), {})

    def __sub__(self, other: Any) -> Value:
        return self._apply(ops.subtract, (self, other), {})

    def __rsub__(self, other: Any) -> Value:
        return self._apply(ops.subtract, (other, self), {})

    def __mul__(self, other: Any) -> Value:
        return self._apply(ops.multiply, (self, other), {})

    def __rmul__(self, other: Any) -> Value:
        return self._apply(ops.multiply, (other, self), {})

    def __truediv__(self, other: Any) -> Value:
        return self._apply(ops.divide, (self, other), {})

    def __rtruediv__(self, other: Any) -> Value:
        return self._apply(ops.divide, (other, self), {})

    def __pow__(self, other: Any) -> Value:
        return self._apply(ops.power, (self, other), {})

    def __rpow__(self, other: Any) -> Value:
        return self._apply(ops.power, (other, self), {})

    def __matmul__(self, other: Any) -> Value:
        return self._apply(ops.matmul, (self, other), {})

    def __rmatmul__(self, other: Any) -> Value:
        return self._apply(ops.matmul, (other, self), {})

    def __neg__(self) -> Value:
        return self._apply(ops.negative, (self,), {})
