"""A computational graph: the nodes that compute values, in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from typing import Any

from xpnet.backends import is_float
from xpnet.errors import GraphError
from xpnet.graph.node import Node, Part
from xpnet.graph.operands import values_of
from xpnet.graph.scope import Scope, under_any
from xpnet.graph.share import Share
from xpnet.graph.step_values import Scheduled, StepValues
from xpnet.graph.value import Value
from xpnet.ops.record import Op, Update, Vjp
from xpnet.typing import Schedule, Shape, size_of

__all__ = ["Graph", "ParameterSpec", "TraceSettings"]

_NOISE = 16  # each step draws random numbers from streams above this one


@dataclass(frozen=True)
class ParameterSpec:
    """The parameter that a layer requests.

    Attributes
    ----------
    shape : tuple of int
    init : callable
        Returns the initial value; see `xpnet.init`.
    decay : float
        Factor of the weight decay; 0 for none.
    trainable : bool
        Whether it has a gradient. Without one it is state, such as a running mean.
    penalty : callable or None
        ``penalty(value)`` is a scalar that training adds to the loss.
    constraint : object or None
        Its ``op``, with the settings ``static``, is applied after every update.
    rate : float
        Factor of the learning rate.
    """

    shape: Shape
    init: Any
    decay: float
    trainable: bool = True
    penalty: Any = None
    constraint: Any = None
    rate: float = 1.0


@dataclass(frozen=True)
class TraceSettings:
    """Settings of a trace, besides the function and its inputs.

    Attributes
    ----------
    dtype : str
        Floating type of the parameters of layers whose input is not floating point.
    training : bool
        Whether this is a training step. Only then is noise drawn and does state change.
    seed : int
        Seed of the random numbers in each step.
    frozen : tuple of str
        Dotted names of parameters, or of layers, that are not trained.
    share : Share or None
        Which rows of a batch these are, if several processes share it.
    """

    dtype: str = "float32"
    training: bool = False
    seed: int = 0
    frozen: tuple[str, ...] = ()
    share: Share | None = None

    @cached_property
    def frozen_names(self) -> frozenset[str]:
        """The frozen names as a set."""
        return frozenset(self.frozen)


@dataclass(eq=False)
class Graph:
    """Values, and nodes in an order in which they can be computed.

    Attributes
    ----------
    parameters, specs : dict
        Parameter values, and the specs that layers requested, by dotted name.
    vectors : dict
        The vectors that rules change, before the step, by name.
    assignments : dict
        The values after the step of vectors and of parameters that are not trained, by name.
    settings : TraceSettings
    step_values : StepValues
        What a training step reads besides its batch and the parameters.
    """

    inputs: list[Value] = field(default_factory=list)
    parameters: dict[str, Value] = field(default_factory=dict)
    specs: dict[str, ParameterSpec] = field(default_factory=dict)
    constants: list[Value] = field(default_factory=list)
    vectors: dict[str, Value] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    scope: Scope = field(default_factory=Scope)
    assignments: dict[str, Value] = field(default_factory=dict)
    settings: TraceSettings = field(default_factory=TraceSettings)
    step_values: StepValues = field(default_factory=StepValues)

    def needed(self, outputs: Iterable[Value]) -> list[Node]:
        """In order: all rules, and the nodes that they and the outputs depend on."""
        wanted, nodes = {*outputs}, []
        for node in reversed(self.nodes):
            if node.changed or not wanted.isdisjoint(node.outputs):
                wanted.update(node.inputs)
                nodes.append(node)
        return nodes[::-1]

    def input(self, name: str, shape: Shape, dtype: str) -> Value:
        """Declare an input array."""
        value = Value(self, "input", name, shape, dtype)
        self.inputs.append(value)
        return value

    def parameter(self, name: str, spec: ParameterSpec, dtype: str) -> Value:
        """Declare a parameter of the layer being called, or return it if it is shared."""
        path = self.scope.declare(name)
        dtype = dtype if is_float(dtype) else self.settings.dtype
        value = self.assignments.get(path, self.parameters.get(path))
        if value is None:
            value = Value(self, "parameter", path, spec.shape, dtype)
            free = spec.trainable and not self.is_frozen(path)
            self.parameters[path], self.specs[path] = value, replace(spec, trainable=free)
        elif value.shape != spec.shape:
            raise GraphError(
                f"parameter {path!r} has shape {value.shape} from the first call, but needs "
                f"{spec.shape} here: a shared layer needs inputs of the same shape."
            )
        return value

    def is_frozen(self, path: str) -> bool:
        """Whether this parameter, or a layer around it, is frozen."""
        return under_any(self.settings.frozen_names, path)

    def assign(self, state: Value, value: Value) -> None:
        """Set the value after the step of a parameter that is not trained.

        A shared layer may assign again and continues from the last value. A frozen parameter does
        not change.
        """
        name = self._state_name(state)
        if name is None or self.specs[name].trainable:
            raise GraphError(
                f"{state!r} is not state: a layer can assign only to what it declared with "
                "self.state(...)."
            )
        if value.shape != state.shape:
            raise GraphError(
                f"state {name!r} has shape {state.shape}, but was assigned shape {value.shape}."
            )
        if not self.is_frozen(name):
            self.assignments[name] = value

    def _state_name(self, state: Value) -> str | None:
        """The name of a parameter by its first or its present value."""
        if self.parameters.get(state.name) is state:
            return state.name
        return next((name for name, value in self.assignments.items() if value is state), None)

    def noise(self) -> tuple[Value, dict[str, int]]:
        """The step number, and settings that name a new stream of random numbers.

        The same layers draw the same numbers in every trace of a network.
        """
        step = self.step_values.number
        if step is None:
            step = self.step_values.number = Value(self, "step", "step", (), "int64")
        return step, {"seed": self.settings.seed, "stream": _NOISE + 1 + self.step_values.drawn}

    def scheduled(self, what: str, schedule: Schedule, below: float = inf) -> Value:
        """A number in [0, below) that follows a schedule; `what` it is, for error messages."""
        known = self.step_values.scheduled
        value = Value(self, "scheduled", f"{what} {len(known)}", (), "float64")
        known[value] = Scheduled(what, schedule, below)
        return value

    def constant(self, data: Any, dtype: str) -> Value:
        """A constant number, array or nested list of numbers."""
        shape = _lengths(data) if isinstance(data, list) else tuple(getattr(data, "shape", ()))
        value = Value(self, "constant", f"c{len(self.constants)}", shape, dtype, data)
        self.constants.append(value)
        return value

    def append(self, op: Op, args: Sequence[Any], static: dict[str, Any]) -> Value:
        """Apply an op: check its shapes and append its node."""
        unknown = set(static) - set(op.static)
        if unknown:
            raise GraphError(f"{op.name} has no setting {', '.join(sorted(unknown))}.")
        if op.inputs and len(args) != len(op.inputs):
            settings = f" (pass settings by name: {', '.join(op.static)})" if op.static else ""
            raise GraphError(
                f"{op.name} takes {len(op.inputs)} inputs, {', '.join(op.inputs)}, got "
                f"{len(args)}{settings}."
            )
        inputs = values_of(self.constant, self, op, args)
        shapes = [v.shape for v in inputs]
        if self.settings.share is not None and self.step_values.number in inputs:
            static = {**static, **self._part_of_draw(inputs[0])}
        shape = op.output_shape(shapes, static)  # raises for settings that cannot be used
        dtype = op.output_dtype([v.dtype for v in inputs], static)
        outputs: tuple[Value, ...] = (self._result(shape, dtype),)
        if op.saves:
            saved = op.shapes.saved_shape(shapes)
            outputs += (self._result(saved, inputs[0].dtype, "r"),)
        self.nodes.append(Node(op, inputs, static, outputs))
        self.step_values.drawn += self.step_values.number in inputs
        return outputs[0]

    def _part_of_draw(self, x: Value) -> dict[str, Any]:
        """The setting `part` of noise on rows of a shared batch; none for noise on parameters."""
        share, known = self.settings.share, {*self.inputs}
        for node in self.nodes:
            if not known.isdisjoint(node.inputs):
                known.update(node.outputs)
        part = share.elements(size_of(x.shape)) if share is not None and x in known else None
        return {} if part is None else {"part": part}

    def append_vjp(self, vjp: Vjp, node: Node, index: int, gy: Value) -> Value:
        """Append the gradient of a node with respect to its input at `index`."""
        op, shapes = node.record, [v.shape for v in node.inputs]
        assert isinstance(op, Op)
        names = dict(zip(op.inputs, node.inputs, strict=False))
        known = {"y": node.output, "r": node.saved, **names}
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
        inputs = (gy, *(v for v in reads if v is not None))
        self.nodes.append(Node(vjp, inputs, static, (output,)))
        return output

    def vector(self, name: str, length: int, dtype: str) -> None:
        """Declare a vector that rules change: the parameters, the gradient, an optimizer slot."""
        self.vectors[name] = Value(self, "vector", name, (length,), dtype)

    def update(
        self,
        rule: Update,
        names: Sequence[str],
        coefficients: Sequence[Value] = (),
        static: dict[str, Any] | None = None,
        part: Part | None = None,
    ) -> None:
        """Apply a rule to these vectors, or to a part of each; it changes them in place."""
        old = [self.assignments.get(name, self.vectors[name]) for name in names]
        new = tuple(self._result(v.shape, v.dtype) for v in old)
        self.nodes.append(Node(rule, (*old, *coefficients), static or {}, new, part))
        self.assignments.update(zip(names, new, strict=True))

    def _result(self, shape: Shape, dtype: str, letter: str = "v") -> Value:
        return Value(self, "node", f"{letter}{len(self.nodes)}", shape, dtype)


def _lengths(data: Any) -> Shape:
    """The shape of nested lists."""
    return (len(data), *_lengths(data[0])) if isinstance(data, list) else ()
