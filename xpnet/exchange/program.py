"""What a network computes, as a list of ONNX operators that are not yet in any file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from xpnet import ops
from xpnet.backends import get
from xpnet.errors import GraphError
from xpnet.exchange.onnx_ops import apply
from xpnet.exchange.onnx_writer import OnnxWriter, Operator, Tensor
from xpnet.graph import Graph, Value
from xpnet.graph.interpret import constant
from xpnet.kernels.terms import Underivable

__all__ = ["Ends", "Program", "program", "written"]

_ROWS = (7, 11)  # a number that differs between traces of these sizes is the number of rows

Ends: TypeAlias = tuple[dict[str, Tensor], dict[str, Tensor]]  # inputs and outputs by name


@dataclass(frozen=True, eq=False)
class Program:
    """Operators in order, for any number of rows.

    Attributes
    ----------
    operators : list of Operator
    arrays : dict of str to array
        The parameters and constants that they read.
    inputs, outputs : dict of str to Tensor
        By the names that users see. Each output is a tensor of its own, and no input.
    """

    operators: list[Operator]
    arrays: dict[str, Any]
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    def needed(self, output: str) -> list[Operator]:
        """The operators on which one output depends, in order."""
        wanted, found = {self.outputs[output].name}, []
        for operator in reversed(self.operators):
            if operator.output in wanted:
                wanted.update(operator.inputs)
                found.append(operator)
        return found[::-1]

    @property
    def names(self) -> dict[str, str]:
        """The final name of each tensor: inputs have their own, and no two have the same."""
        inner = [*self.arrays, *(operator.output for operator in self.operators)]
        found = {tensor.name: name for name, tensor in self.inputs.items()}
        taken = {*self.inputs}
        for name, wanted in [(t.name, n) for n, t in self.outputs.items()] + [
            (n, n) for n in inner
        ]:
            if name not in found:
                while wanted in taken:
                    wanted += "_"
                found[name] = wanted
                taken.add(wanted)
        return found


def program(write: Callable[[OnnxWriter, int], Ends], parameters: dict[str, Any]) -> Program:
    """The program that `write` writes for any number of rows.

    Parameters
    ----------
    write : callable
        Writes the operators for a given number of rows into a writer. It returns the inputs and
        the outputs by name.
    parameters : dict of str to array

    Raises
    ------
    GraphError
        If anything but a shape depends on the number of rows, or ONNX lacks a function.
    """
    one, other = OnnxWriter(), OnnxWriter()
    inputs, outputs = write(one, _ROWS[0])
    write(other, _ROWS[1])
    results: dict[str, Tensor] = {}
    for name, tensor in outputs.items():
        if tensor.name in {t.name for t in (*inputs.values(), *results.values())}:
            same = [w.emit("Identity", [tensor], tensor.shape, tensor.dtype) for w in (one, other)]
            tensor = same[0]
        results[name] = tensor
    return Program(one.operators, parameters | _merged(one, other), inputs, results)


def written(
    xp: OnnxWriter,
    graph: Graph,
    outputs: Sequence[Value],
    inputs: Sequence[Tensor],
    prefix: str = "",
) -> list[Tensor]:
    """Write the operators of a traced graph; return its outputs.

    The names of parameters begin with `prefix`.

    Raises
    ------
    GraphError
        If ONNX lacks a function.
    """
    backend = get("numpy")
    tensors = {v: Tensor(xp, prefix + v.name, v.shape, v.dtype) for v in graph.parameters.values()}
    tensors |= dict(zip(graph.inputs, inputs, strict=True))
    for value in graph.constants:
        array = backend.to_numpy(constant(backend.xp, value, backend.device))
        tensors[value] = xp.constant(array, value.dtype)
    for node in graph.nodes:
        assert isinstance(node.record, ops.Op)
        try:
            found = [tensors[v] for v in node.inputs]
            tensors[node.output] = apply(node.record, xp, found, node.static)
        except Underivable as error:
            raise GraphError(
                f"ONNX has no operators for {node.record.name!r}, which uses {error}."
            ) from error
    return [tensors[output] for output in outputs]


def _merged(a: OnnxWriter, b: OnnxWriter) -> dict[str, Any]:
    """The constants of what was written for two numbers of rows; -1 marks the rows."""
    same = a.operators == b.operators and set(a.constants) == set(b.constants)
    same = same and all(_equal(a.constants[n], b.constants[n]) for n in a.constants)
    shapes = {
        name: tuple(n if n == m else -1 for n, m in zip(shape, b.shapes[name], strict=True))
        for name, shape in a.shapes.items()
    }
    if not same or any(shape.count(-1) > 1 for shape in shapes.values()):
        raise GraphError(
            "the network computes with the number of rows of its input. An ONNX graph for any "
            "number of rows cannot do that. Use x.shape[0] only in reshape."
        )
    return {**a.constants, **{n: np.array(s, "int64") for n, s in shapes.items()}}


def _equal(a: Any, b: Any) -> bool:
    """Whether two constants are the same, NaN included."""
    return a.dtype == b.dtype and a.shape == b.shape and bool(a.tobytes() == b.tobytes())
