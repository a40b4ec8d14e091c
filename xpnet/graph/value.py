"""A computational graph: values, and the nodes that compute them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xpnet import ops
from xpnet.backends import dtype_name, is_float
from xpnet.errors import DTypeError, GraphError
from xpnet.graph.scope import Scope, under
from xpnet.ops.record import Op, Vjp
from xpnet.ops.shape import cuts
from xpnet.typing import Shape

__all__ = ["Graph", "Node", "ParameterSpec", "Value"]

_NOISE = 16  # streams of random numbers above this one are drawn from in each step

_REFLECTED = {
    op.name: op for op in (ops.add, ops.subtract, ops.multiply, ops.divide, ops.power, ops.matmul)
}


@dataclass(frozen=True)
class ParameterSpec:
    """What a layer asks for.

    Attributes
    ----------
    shape : tuple of int
    init : callable
        How it starts; see `xpnet.init`.
    decay : bool
        Whether weight decay applies.
    trainable : bool
        Whether it has a gradient. What has none is state, such as a running mean.
    penalty : callable or None
        ``penalty(value)`` is a number that training adds to the loss.
    constraint : object or None
        Its ``op`` with the settings ``static`` is applied after every update.
    """

    shape: Shape
    init: Any
    decay: bool
    trainable: bool = True
    penalty: Any = None
    constraint: Any = None


@dataclass(eq=False, repr=False)
class Value:
    """A symbolic array: an input, a parameter, a constant, the step, or what a node computes.

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

    @property
    def mT(self) -> Value:
        """The matrix transpose: the last two axes exchanged."""
        return self.graph.append(ops.transpose, (self,), {})

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
        """A part of it: ``x[:, 2:5]``, ``x[..., :3]``; a whole number removes its axis."""
        value = self
        parts, removed = cuts(key, self.shape)
        for axis, part in parts:
            value = ops.slice(value, axis=axis, start=part.start, stop=part.stop)
        if not removed:
            return value
        shape = tuple(n for i, n in enumerate(value.shape) if i not in removed)
        return self.graph.append(ops.reshape, (value,), {"shape": shape})

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

    Attributes
    ----------
    parameters, specs : dict
        Dotted names to parameter values, and to what was asked for.
    assignments : dict
        Names of parameters that are not trained to the values that they take after the step.
    dtype : str
        Floating type of the parameters of layers whose input has none.
    training : bool
        Whether the graph is of a training step: only then does noise fall and state change.
    seed : int
        Of the random numbers that are drawn in each step.
    frozen : tuple of str
        Dotted names of parameters, or of layers, that are not to be trained.
    step : Value or None
        The number of the step, where random numbers are drawn.
    ids : list of (Value, int)
        Values that name the rows of a table, and how many rows it has.
    """

    inputs: list[Value] = field(default_factory=list)
    parameters: dict[str, Value] = field(default_factory=dict)
    specs: dict[str, ParameterSpec] = field(default_factory=dict)
    constants: list[Value] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    scope: Scope = field(default_factory=Scope)
    assignments: dict[str, Value] = field(default_factory=dict)
    dtype: str = "float32"
    training: bool = False
    seed: int = 0
    frozen: tuple[str, ...] = ()
    step: Value | None = None
    ids: list[tuple[Value, int]] = field(default_factory=list)
    _streams: int = 0

    def input(self, name: str, shape: Shape, dtype: str) -> Value:
        """Declare an input array."""
        value = Value(self, "input", name, shape, dtype)
        self.inputs.append(value)
        return value

    def parameter(self, name: str, spec: ParameterSpec, dtype: str) -> Value:
        """Declare a parameter of the layer being called, or find it again if it is shared."""
        path = self.scope.declare(name)
        dtype = dtype if is_float(dtype) else self.dtype
        value = self.assignments.get(path, self.parameters.get(path))
        if value is None:
            value = Value(self, "parameter", path, spec.shape, dtype)
            free = spec.trainable and not self.is_frozen(path)
            self.parameters[path], self.specs[path] = value, replace(spec, trainable=free)
        elif value.shape != spec.shape:
            raise GraphError(
                f"parameter {path!r} has shape {value.shape} where the layer was first called and "
                f"would need {spec.shape} here: a shared layer needs inputs of the same shape."
            )
        return value

    def is_frozen(self, path: str) -> bool:
        """Whether this parameter, or a layer around it, is not to be trained."""
        return any(under(name, path) for name in self.frozen)

    def assign(self, state: Value, value: Value) -> None:
        """Let a parameter that is not trained have this value after the step.

        It may have been assigned to before: a shared layer goes on from there. What is frozen
        stays as it is.
        """
        known = [*self.parameters.items(), *self.assignments.items()]
        names = [name for name, value in known if value is state]
        if not names or self.specs[names[0]].trainable:
            raise GraphError(
                f"{state!r} is not state: only what the layer declared by self.state(...) can be "
                "assigned to."
            )
        if value.shape != state.shape:
            raise GraphError(
                f"state {names[0]!r} has shape {state.shape}, it was assigned shape {value.shape}."
            )
        if not self.is_frozen(names[0]):
            self.assignments[names[0]] = value

    def noise(self) -> tuple[Value, dict[str, int]]:
        """The number of the step, and settings that name a stream of random numbers of its own.

        The same layers draw the same numbers in each trace of a network.
        """
        if self.step is None:
            self.step = Value(self, "step", "step", (), "int64")
        self._streams += 1
        return self.step, {"seed": self.seed, "stream": _NOISE + self._streams}

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
        dtype = op.output_dtype([v.dtype for v in inputs], static)
        output = self._result(op.output_shape(shapes, static), dtype)
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
        # Without a symbolic one, such as for a fixed table and symbolic ids, an array's own type.
        kinds = [dtype_name(a.dtype) for a in args if hasattr(a, "dtype")]
        dtype = floats.pop() if floats else next(filter(is_float, kinds), values[0].dtype)
        names = op.inputs or ("inputs",) * len(args)
        return tuple(
            self._typed(op, name, arg, dtype) for name, arg in zip(names, args, strict=True)
        )

    def _typed(self, op: Op, name: str, data: Any, dtype: str) -> Value:
        """One argument as a value of the type that the op takes there."""
        if isinstance(data, bool | int | float):
            if name not in (op.integers or ()):
                return self.constant(float(data), dtype)
            kind = "int64" if isinstance(data, int) else "float64"
            return self.constant(data, self._kind(op, name, kind, dtype, symbolic=False))
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
