"""A program as a module of PyTorch that needs nothing of xpnet."""

import operator
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from xpnet.exchange.onnx_writer import Operator
from xpnet.exchange.program import Program

__all__ = ["graph_module"]

_PYTHON: dict[str, Callable[..., Any]] = {
    "Add": operator.add,
    "Div": operator.truediv,
    "Equal": operator.eq,
    "Greater": operator.gt,
    "GreaterOrEqual": operator.ge,
    "Less": operator.lt,
    "LessOrEqual": operator.le,
    "Mul": operator.mul,
    "Neg": operator.neg,
    "Pow": operator.pow,
    "Sub": operator.sub,
}
_TORCH = {
    "Abs": "abs",
    "And": "logical_and",
    "Ceil": "ceil",
    "Cos": "cos",
    "Erf": "erf",
    "Exp": "exp",
    "Floor": "floor",
    "IsNaN": "isnan",
    "Log": "log",
    "MatMul": "matmul",
    "Max": "maximum",
    "Min": "minimum",
    "Not": "logical_not",
    "Or": "logical_or",
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Sign": "sign",
    "Sin": "sin",
    "Sqrt": "sqrt",
    "Tanh": "tanh",
    "Where": "where",
}
_FUNCTIONAL = {
    "Elu": "elu",
    "Gelu": "gelu",
    "HardSigmoid": "hardsigmoid",  # with the slope 1/6, as it is written
    "LeakyRelu": "leaky_relu",
    "LogSoftmax": "log_softmax",
    "Mish": "mish",
    "Selu": "selu",
    "Softmax": "softmax",
    "Softplus": "softplus",
    "Softsign": "softsign",
}
_REDUCED = {"ReduceMax": "amax", "ReduceMean": "mean", "ReduceSum": "sum"}
_ATTRIBUTES = {  # those of the operators above that torch has, and its names for them
    "Elu": {"alpha": "alpha"},
    "Gelu": {"approximate": "approximate"},
    "LeakyRelu": {"alpha": "negative_slope"},
    "LogSoftmax": {"axis": "dim"},
    "Softmax": {"axis": "dim"},
}
_TAKE_NUMBERS = {*_PYTHON, "Where"}


def graph_module(torch: Any, program: Program, result: str, trained: Collection[str] = ()) -> Any:
    """Make a ``torch.fx.GraphModule`` that computes one of a program's outputs.

    Parameters
    ----------
    torch : module
    program : Program
    result : str
        The output's name, after which the module's class is named.
    trained : collection of str
        The arrays that become parameters; the others become buffers.
    """
    fx, root = torch.fx, torch.nn.Module()
    builder = _Builder(torch, program, root, trained)
    for op in program.needed(result):
        builder.add(op)
    builder.graph.output(builder.value(program.outputs[result].name))
    return fx.GraphModule(root, builder.graph, class_name=result.capitalize()).eval()


class _Builder:
    """Adds operators to a graph of PyTorch."""

    def __init__(self, torch: Any, program: Program, root: Any, trained: Collection[str]) -> None:
        self.graph: Any = torch.fx.Graph()
        self._torch, self._arrays, self._root, self._trained = torch, program.arrays, root, trained
        self._values = {t.name: self.graph.placeholder(n) for n, t in program.inputs.items()}

    def add(self, op: Operator) -> None:
        """Add an operator."""
        special = getattr(self, f"_write_{op.kind.lower()}", None)
        if special is not None:
            self._values[op.output] = special(op)
        elif op.kind in _REDUCED:
            self._values[op.output] = self._reduce(op)
        else:
            names = _ATTRIBUTES.get(op.kind, {})
            given = {names[k]: v for k, v in op.attributes.items() if k in names}
            self._values[op.output] = self._call(
                self._function(op.kind), *self._inputs(op), **given
            )

    def _plain(self, op: Operator) -> Any:
        """A function of torch with the same arguments."""
        names = _ATTRIBUTES.get(op.kind, {})
        given = {names[k]: v for k, v in op.attributes.items() if k in names}
        return self._call(self._function(op.kind), *self._inputs(op), **given)

    def value(self, name: str) -> Any:
        """The node of a tensor; an array becomes a parameter or a buffer of the module."""
        if name not in self._values:
            array = self._arrays[name]
            tensor = self._torch.from_numpy(np.array(array, order="C"))
            attribute = name.replace("/", "constant_")
            self._put(attribute, tensor, name in self._trained)
            self._values[name] = self.graph.get_attr(attribute)
        return self._values[name]

    def _put(self, path: str, tensor: Any, trained: bool) -> None:
        module, (*outer, own) = self._root, path.split(".")
        for part in outer:
            if not hasattr(module, part):
                module.add_module(part, self._torch.nn.Module())
            module = getattr(module, part)
        if trained:
            module.register_parameter(own, self._torch.nn.Parameter(tensor))
        else:
            module.register_buffer(own, tensor)

    def _function(self, kind: str) -> Callable[..., Any]:
        if kind in _PYTHON:
            return _PYTHON[kind]
        torch = self._torch
        place, name = (
            (torch, _TORCH[kind]) if kind in _TORCH else (torch.nn.functional, _FUNCTIONAL[kind])
        )
        found: Callable[..., Any] = getattr(place, name)
        return found

    def _call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self.graph.call_function(function, args, kwargs)

    def _inputs(self, op: Operator) -> list[Any]:
        """The nodes of the inputs; single numbers stay numbers where torch takes them."""
        numbers = {n: self._arrays[n].item() for n in op.inputs if self._is_number(n)}
        if op.kind not in _TAKE_NUMBERS or len(numbers) > 1:
            numbers = {}
        return [numbers[n] if n in numbers else self.value(n) for n in op.inputs]

    def _is_number(self, name: str) -> bool:
        array = self._arrays.get(name)
        return array is not None and array.ndim == 0 and array.dtype.kind in "if"

    def _listed(self, name: str) -> list[int]:
        """The whole numbers of a constant vector, such as axes or a shape."""
        numbers: list[int] = self._arrays[name].tolist()
        return numbers

    # Operators that torch writes in another way: `_write_` and the operator's name

    def _write_cast(self, op: Operator) -> Any:
        dtype = getattr(self._torch, op.attributes["to"])
        return self.graph.call_method("to", (self.value(op.inputs[0]), dtype))

    def _write_clip(self, op: Operator) -> Any:
        low, high = (self._arrays[name].item() for name in op.inputs[1:])
        return self._call(self._torch.clamp, self.value(op.inputs[0]), low, high)

    def _write_concat(self, op: Operator) -> Any:
        parts = [self.value(name) for name in op.inputs]
        return self._call(self._torch.cat, parts, dim=op.attributes["axis"])

    def _write_expand(self, op: Operator) -> Any:
        return self._call(self._torch.broadcast_to, *map(self.value, op.inputs))

    def _write_gather(self, op: Operator) -> Any:
        x, ids = map(self.value, op.inputs)
        before = (slice(None),) * op.attributes["axis"]
        return self._call(operator.getitem, x, (*before, ids))

    def _write_gemm(self, op: Operator) -> Any:
        x, w, b = map(self.value, op.inputs)
        return self._call(self._torch.addmm, b, x, w)

    def _write_identity(self, op: Operator) -> Any:
        return self.value(op.inputs[0])

    def _write_layernormalization(self, op: Operator) -> Any:
        shape, function = (
            list(self._arrays[op.inputs[1]].shape),
            self._torch.nn.functional.layer_norm,
        )
        return self._call(function, self.value(op.inputs[0]), shape, eps=op.attributes["epsilon"])

    def _write_prelu(self, op: Operator) -> Any:
        x, slope = map(self.value, op.inputs)
        scaled = self._call(operator.mul, slope, x)
        return self._call(self._torch.where, self._call(operator.ge, x, 0), x, scaled)

    def _reduce(self, op: Operator) -> Any:
        x, axes = self.value(op.inputs[0]), self._listed(op.inputs[1])
        function = getattr(self._torch, _REDUCED[op.kind])
        return self._call(function, x, dim=axes, keepdim=bool(op.attributes["keepdims"]))

    def _write_reshape(self, op: Operator) -> Any:
        return self._call(self._torch.reshape, self.value(op.inputs[0]), self._listed(op.inputs[1]))

    def _write_shape(self, op: Operator) -> Any:
        return self.graph.call_method("size", (self.value(op.inputs[0]),))

    def _write_slice(self, op: Operator) -> Any:
        starts, ends, axes, steps = map(self._listed, op.inputs[1:])
        cuts = [slice(None)] * (max(axes) + 1)
        for axis, *cut in zip(axes, starts, ends, steps, strict=True):
            cuts[axis] = slice(*cut)
        return self._call(operator.getitem, self.value(op.inputs[0]), tuple(cuts))

    def _write_transpose(self, op: Operator) -> Any:
        return self._call(self._torch.permute, self.value(op.inputs[0]), op.attributes["perm"])

    def _write_unsqueeze(self, op: Operator) -> Any:
        (axis,) = self._listed(op.inputs[1])
        return self._call(self._torch.unsqueeze, self.value(op.inputs[0]), axis)
