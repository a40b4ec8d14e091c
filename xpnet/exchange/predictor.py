"""What is converted: a model, and what an estimator makes of its output."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import ArgumentError
from xpnet.exchange.onnx_writer import OnnxWriter, Tensor
from xpnet.exchange.program import Ends, Program, program, written
from xpnet.exchange.tree import host
from xpnet.graph import Value, trace
from xpnet.model import Model

__all__ = ["Choice", "Predictor", "plain_classes"]


@dataclass(frozen=True, eq=False)
class Choice:
    """How labels follow from a network's output.

    Attributes
    ----------
    classes : array
        The labels in order; with several labels per sample, the numbers of the columns.
    threshold : float or None
        An output greater than this predicts the second class, or the column's label; None if the
        largest output decides.
    several : bool
        Whether there are several labels per sample: one column of 0 and 1 for each.
    """

    classes: NDArray[Any]
    threshold: float | None = None
    several: bool = False

    def labels(self, xp: OnnxWriter, output: Tensor) -> Tensor:
        """Write the operators that make labels from a network's output."""
        if self.several:
            return xp.astype(xp.greater(output, self.threshold), "int64")
        if self.threshold is None:
            codes = xp.argmax(output, axis=1)
        else:
            codes = xp.astype(xp.greater(output, self.threshold), "int64")
            codes = xp.reshape(codes, (codes.shape[0],))
        if len(self.classes) == 1:
            codes = codes * 0
        return xp.take(xp.constant(self.classes, str(self.classes.dtype)), codes, axis=0)


@dataclass(frozen=True, eq=False)
class Predictor:
    """A model, and what follows it.

    Attributes
    ----------
    model : Model
    result : str
        The name of the numbers that are returned: ``"y"``, ``"prediction"``, ``"probabilities"`` or
        ``"scores"``.
    finish : callable or None
        Makes them from the network's symbolic output; None if they are this output.
    choice : Choice or None
        How a classifier's labels follow from the network's output.
    columns : sequence of str
        Names of the features, if they have any.
    """

    model: Model
    result: str = "y"
    finish: Callable[[Value], Value] | None = None
    choice: Choice | None = None
    columns: Sequence[str] = ()

    @property
    def metadata(self) -> dict[str, str]:
        """What a user of the file needs to know: texts by name."""
        found: dict[str, Any] = {}
        if self.columns:
            found["columns"] = [
                {"name": str(name), "kind": "number", "input": "x"} for name in self.columns
            ]
        if self.choice is not None:
            found["classes"] = self.choice.classes.tolist()
        return {name: json.dumps(value) for name, value in found.items()}

    def write(self, xp: OnnxWriter, rows: int) -> Ends:
        """Write the network and what follows it, for this number of rows."""
        network = self.model.network
        graph, output = network.trace(rows, training=False)
        x = Tensor(xp, "/x", (rows, *network.features), network.dtype)
        finished = output if self.finish is None else self.finish(output)
        raw, made = written(xp, graph, [output, finished], [x])
        labels = {} if self.choice is None else {"label": self.choice.labels(xp, raw)}
        return {"x": x}, {**labels, self.result: made}

    @property
    def program(self) -> Program:
        """All of it as operators."""
        return program(self.write, host(self.model))

    @property
    def ending(self) -> Program:
        """Only what follows the network, as operators."""
        assert self.finish is not None
        network, finish = self.model.network, self.finish

        def write(xp: OnnxWriter, rows: int) -> Ends:
            shape = (rows, *network.output_shape)
            graph, finished = trace(finish, [("x", shape, network.dtype)])
            x = Tensor(xp, "/x", shape, network.dtype)
            return {"x": x}, {self.result: written(xp, graph, [finished], [x])[0]}

        return program(write, {})


def plain_classes(classes: NDArray[Any]) -> NDArray[Any]:
    """Class names as ONNX has them: texts, or numbers of a type of NumPy."""
    if classes.dtype.kind in "UO" and all(isinstance(name, str) for name in classes):
        return classes.astype(object)
    found = np.array(classes.tolist())
    if found.dtype.kind not in "biuf":
        raise ArgumentError(
            f"ONNX needs classes that are all text or all numbers, got {classes.tolist()}."
        )
    return found
