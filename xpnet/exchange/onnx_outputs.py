"""The output of an ONNX graph that a network computes, among those of a classifier."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from xpnet.errors import ArgumentError
from xpnet.exchange.onnx_constants import attributes_of

__all__ = ["Pair", "needed", "pair_of", "result_of"]


def result_of(onnx: Any, graph: Any, nodes: Sequence[Any]) -> str:
    """The name of the numbers that the graph computes.

    A classifier has a second output, the label of the most likely class, and may give its
    probabilities as a map for each sample (ZipMap). These are left out.

    Raises
    ------
    ArgumentError
        If there is not exactly one output of numbers.
    """
    made = {name: node for node in nodes for name in node.output}
    single, double = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE
    found = []
    for output in graph.output:
        maker = made.get(output.name)
        if maker is not None and maker.op_type == "ZipMap":
            found.append(maker.input[0])
        elif output.type.tensor_type.elem_type in (single, double):
            found.append(output.name)
    if len(found) != 1:
        names = ", ".join(repr(output.name) for output in graph.output)
        raise ArgumentError(
            f"from_onnx: of the graph's outputs ({names}), {len(found)} are float32 or float64; "
            "an MLP has one, besides the labels of a classifier."
        )
    return str(found[0])


def needed(nodes: Sequence[Any], result: str) -> list[Any]:
    """The operators on which a value depends, in the order of the graph."""
    wanted, found = {result}, []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            found.append(node)
            wanted.update(node.input)
    return found[::-1]


class Pair(NamedTuple):
    """The probabilities of both classes, from that of one: a product with a matrix, and a bias."""

    weight: Any
    bias: Any
    output: str


def pair_of(
    onnx: Any,
    nodes: Sequence[Any],
    value: str,
    arrays: Mapping[str, Any],
    uses: Mapping[str, int],
    units: int,
) -> Pair | None:
    """1 - p beside p, as classifiers for two classes compute it; None if it is something else."""
    if [node.op_type for node in nodes[:2]] != ["Sub", "Concat"] or uses[value] != 2:
        return None
    other, both = nodes[:2]
    one = arrays.get(other.input[0])
    last = attributes_of(onnx, both).get("axis") in (1, -1)
    parts = [other.output[0], value]
    if one is None or np.any(one != 1) or other.input[1] != value or one.size not in (1, units):
        return None
    if not last or sorted(both.input) != sorted(parts) or uses[parts[0]] != 1:
        return None
    same, ones = np.eye(units), np.ones(units)
    halves = {parts[0]: (-same, ones), value: (same, 0 * ones)}
    weights, biases = zip(*(halves[name] for name in both.input), strict=True)
    return Pair(np.concatenate(weights, 1), np.concatenate(biases), both.output[0])
