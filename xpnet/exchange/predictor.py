"""What is converted: a model, and what an estimator makes of its output."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet import ops
from xpnet.errors import ArgumentError
from xpnet.exchange.onnx_writer import OnnxWriter, Tensor
from xpnet.exchange.program import Ends, Program, program, written
from xpnet.exchange.tree import host
from xpnet.graph import Value, trace
from xpnet.model import Model

__all__ = ["Choice", "Predictor", "fitted", "kind_of", "predictor", "wrong_source"]


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
    """

    model: Model
    result: str = "y"
    finish: Callable[[Value], Value] | None = None
    choice: Choice | None = None

    def write(self, xp: OnnxWriter, rows: int) -> Ends:
        """Write the network and what follows it, for this number of rows."""
        network = self.model.network
        graph, output = network.trace(rows, training=False)
        x = Tensor(xp, "x", (rows, *network.features), network.dtype)
        finished = output if self.finish is None else self.finish(output)
        raw, made = written(xp, graph, [output, finished], [x])
        labels = {} if self.choice is None else {"label": self.choice.labels(xp, raw)}
        return [x], {**labels, self.result: made}

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
            x = Tensor(xp, "x", shape, network.dtype)
            return [x], {self.result: written(xp, graph, [finished], [x])[0]}

        return program(write, {})


def predictor(source: object, caller: str) -> Predictor:
    """What this model or fitted estimator computes.

    Raises
    ------
    ArgumentError
        If it is neither.
    """
    if isinstance(source, Model):
        return Predictor(source)
    estimator = fitted(source, caller)
    if estimator is None:
        raise wrong_source(caller, source)
    model, head, targets = estimator.model_, estimator._head, estimator._targets
    if not hasattr(targets, "classes"):
        return Predictor(model, "prediction", lambda output: _column(targets.values(output, head)))
    several = targets.kind == "multilabel"
    threshold = head.threshold if several or head.units == 1 else None
    choice = Choice(_plain(targets.on_host().classes), threshold, several)
    if not head.probabilistic:
        return Predictor(model, "scores", choice=choice)
    return Predictor(
        model, "probabilities", lambda output: targets.probabilities(output, head), choice
    )


def fitted(source: object, caller: str) -> Any:
    """The object if it is a fitted estimator of xpnet, None if it is something else.

    Raises
    ------
    ArgumentError
        If it is an estimator that is not fitted.
    """
    module = sys.modules.get("xpnet.estimators.fitted")  # absent: there are no estimators
    if module is None or not isinstance(source, module.FittedMLP):
        return None
    if not source.__sklearn_is_fitted__():
        raise ArgumentError(
            f"{caller} expects a fitted estimator. Call fit of this {type(source).__name__} first."
        )
    return source


def wrong_source(caller: str, source: object) -> ArgumentError:
    """The error for something that cannot be converted."""
    return ArgumentError(
        f"{caller} expects an xpnet.Model, or a fitted MLPClassifier or MLPRegressor of xpnet, got "
        f"{kind_of(source)}."
    )


def kind_of(thing: object) -> str:
    """What a thing is, for messages: its class with the module."""
    kind = type(thing)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _column(values: Value) -> Value:
    """Values as `predict` returns them: a vector if there is one per sample."""
    return ops.reshape(values, shape=(-1,)) if values.shape[1] == 1 else values


def _plain(classes: NDArray[Any]) -> NDArray[Any]:
    """Class names as ONNX has them: texts, or numbers of a type of NumPy."""
    if classes.dtype.kind in "UO" and all(isinstance(name, str) for name in classes):
        return classes.astype(object)
    found = np.array(classes.tolist())
    if found.dtype.kind not in "biuf":
        raise ArgumentError(
            f"ONNX has classes that are all texts or all numbers, got {classes.tolist()}."
        )
    return found
