"""A computational graph: values, and the nodes that compute them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from xpnet import ops
from xpnet.backends import dtype_name, is_float
from xpnet.errors import DTypeError, GraphError
from xpnet.graph.scope import Scope
from xpnet.ops import Op, Vjp
from xpnet.typing import Shape

__all__ = ["Graph", "Node", "ParameterSpec", "Value"]

_REFLECTED = {
    op.name: op for op in (ops.add, ops.subtract, ops.multiply, ops.divide, ops.power, ops.matmul)
}


@dataclass(frozen=True)
class ParameterSpec:
    """What a layer asks for: a shape, how it starts, and whether weight decay applies."""

    shape: Shape
    init: Any
    decay: bool


@dataclass(eq=False, repr=False)
class Value:
    """A symbolic array: an input, a parameter, a constant, or what a node computes.

    Python's operators and the functions of `xpnet.ops` append nodes to its graph.
    """

    graph: Graph
    kind: str
    name: str
    shape: Shape
    dtype: str
    data: Any = None  # a constant's number or array

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        """Let ``array * value`` come here; NumPy's other functions do not apply."""
        op = _REFLECTED.get(ufunc.__name__) if method == "__call__" and not kwargs else None
        return self.__array_function__(ufunc, (), args, kwargs) if op is None else op(*args)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

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

    def __getitem__(self, key: Any) -> Any:
        raise GraphError("a symbolic value cannot be indexed; reshape it, or cut the data before.")

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
        return self.graph.append(ops.add, (self, other), {})

    def __radd__(self, other: Any) -> Value:
        return self.graph.append(ops.add, (other, self), {})

    def __sub__(self, other: Any) -> Value:
        return self.graph.append(ops.subtract, (self, other), {})

    def __rsub__(self, other: Any) -> Value:
        return self.graph.append(ops.subtract, (other, self), {})

    def __mul__(self, other: Any) -> Value:
        return self.graph.append(ops.multiply, (self, other), {})

    def __rmul__(self, other: Any) -> Value:
        return self.graph.append(ops.multiply, (other, self), {})

    def __truediv__(self, other: Any) -> Value:
        return self.graph.append(ops.divide, (self, other), {})

    def __rtruediv__(self, other: Any) -> Value:
        return self.graph.append(ops.divide, (other, self), {})

    def __pow__(self, other: Any) -> Value:
        return self.graph.append(ops.power, (self, other), {})

    def __rpow__(self, other: Any) -> Value:
        return self.graph.append(ops.power, (other, self), {})

    def __matmul__(self, other: Any) -> Value:
        return self.graph.append(ops.matmul, (self, other), {})

    def __rmatmul__(self, other: Any) -> Value:
        return self.graph.append(ops.matmul, (other, self), {})

    def __neg__(self) -> Value:
        return self.graph.append(ops.negative, (self,), {})


@dataclass(eq=False)
class Node:
    """One application of an op, or of a vjp in the backward part."""

    record: Op | Vjp
    inputs: tuple[Value, ...]
    static: dict[str, Any]
    output: Value
    residual: Value | None = None


@dataclass(eq=False)
class Graph:
    """Values and nodes in an order in which they can be computed.

    ``parameters`` maps dotted names to parameter values, ``specs`` to what was asked for.
    """

    inputs: list[Value] = field(default_factory=list)
    parameters: dict[str, Value] = field(default_factory=dict)
    specs: dict[str, ParameterSpec] = field(default_factory=dict)
    constants: list[Value] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    scope: Scope = field(default_factory=Scope)

    def input(self, name: str, shape: Shape, dtype: str) -> Value:
        """Declare an input array."""
        value = Value(self, "input", name, shape, dtype)
        self.inputs.append(value)
        return value

    def parameter(self, name: str, spec: ParameterSpec, dtype: str) -> Value:
        """Declare a parameter of the layer being called, or find it again if it is shared."""
        path = self.scope.declare(name)
        value = self.parameters.get(path)
        if value is None:
            value = Value(self, "parameter", path, spec.shape, dtype)
            self.parameters[path], self.specs[path] = value, spec
        elif value.shape != spec.shape:
            raise GraphError(
                f"parameter {path!r} has shape {value.shape} where the layer was first called and "
                f"would need {spec.shape} here: a shared layer needs inputs of the same shape."
            )
        return value

    def constant(self, data: Any, dtype: str) -> Value:
        """A number, or an array, that does not change."""
        shape = tuple(getattr(data, "shape", ()))
        value = Value(self, "constant", f"c{len(self.constants)}", shape, dtype, data)
        self.constants.append(value)
        return value

    def append(self, op: Op, args: Sequence[Any], static: dict[str, Any]) -> Value:
        """Apply an op: check its shapes and append its node."""
        unknown = set(static) - set(op.static)
        if unknown:
            raise GraphError(f"{op.name} has no setting {', '.join(sorted(unknown))}.")
        if op.inputs and len(args) != len(op.inputs):
            settings = f" (settings go by name: {', '.join(op.static)})" if op.static else ""
            raise GraphError(
                f"{op.name} takes {len(op.inputs)} inputs, {', '.join(op.inputs)}, got "
                f"{len(args)}{settings}."
            )
        inputs = self._values(op, args)
        shapes = [v.shape for v in inputs]
        output = self._result(op.output_shape(shapes, static), inputs[0].dtype)
        node = Node(op, inputs, static, output)
        if op.residual:
            node.residual = self._result(op.shapes.residual_shape(shapes), inputs[0].dtype, "r")
        self.nodes.append(node)
        return output

    def append_vjp(self, vjp: Vjp, node: Node, index: int, gy: Value) -> Value:
        """Append the gradient of a node with respect to its input at `index`."""
        op, shapes = node.record, [v.shape for v in node.inputs]
        assert isinstance(op, Op)
        names = dict(zip(op.inputs, node.inputs, strict=False))
        known = {"y": node.output, "r": node.residual, **names}
        available = {
            **node.static,
            **{f"{name}_shape": value.shape for name, value in names.items()},
            "index": index,
            "shapes": shapes,
        }
        defaults = op.fn.__kwdefaults__ or {}
        static = {k: available[k] if k in available else defaults[k] for k in vjp.static}
        loops = op.infer is None
        shape = op.shapes.gradient_shape(shapes, index) if loops else shapes[index]
        reads = [known[name] for name in vjp.reads]
        output = self._result(shape, node.output.dtype)
        self.nodes.append(Node(vjp, (gy, *(v for v in reads if v is not None)), static, output))
        return output

    def _result(self, shape: Shape, dtype: str, letter: str = "v") -> Value:
        return Value(self, "node", f"{letter}{len(self.nodes)}", shape, dtype)

    def _values(self, op: Op, args: Sequence[Any]) -> tuple[Value, ...]:
        """Turn numbers and arrays among the arguments into constants, and check all."""
        values = [a for a in args if isinstance(a, Value)]
        if any(v.graph is not self for v in values):
            raise GraphError(
                f"{op.name} was given values of two different traces: a symbolic value must not "
                "be kept and used in another call."
            )
        floats = {v.dtype for v in values if is_float(v.dtype)}
        if len(floats) > 1:
            raise DTypeError(f"{op.name} mixes {' and '.join(sorted(floats))}: convert one first.")
        dtype = floats.pop() if floats else values[0].dtype
        names = op.inputs or ("inputs",) * len(args)
        return tuple(
            self._typed(op, name, arg, dtype) for name, arg in zip(names, args, strict=True)
        )

    def _typed(self, op: Op, name: str, data: Any, dtype: str) -> Value:
        """One argument as a value of the type that the op takes there."""
        if isinstance(data, bool | int | float):
            return self.constant(float(data), dtype)
        if not hasattr(data, "dtype"):
            raise GraphError(
                f"{op.name} expects symbolic values, arrays or numbers, got {type(data).__name__}."
            )
        kind = data.dtype if isinstance(data, Value) else dtype_name(data.dtype)
        if op.integers is not None:
            kind = self._kind(op, name, kind, dtype, isinstance(data, Value))
        return data if isinstance(data, Value) else self.constant(data, kind)

    @staticmethod
    def _kind(op: Op, name: str, kind: str, dtype: str, symbolic: bool) -> str:
        """The type that an input is to have; an array of numbers is converted, a value is not."""
        integers = op.integers or ()
        if name in integers and is_float(kind):
            raise DTypeError(
                f"{op.name} needs an integer type for {name}, got {kind}: convert it first "
                "(such as y.astype('int64'))."
            )
        if name in integers or is_float(kind):
            return kind if symbolic or name in integers else dtype
        if symbolic:
            target = dtype if is_float(dtype) else "float32"
            raise DTypeError(
                f"{op.name} needs a floating type for {name}, got {kind}: convert it first "
                f"(such as y.astype('{target}'))."
            )
        return dtype
