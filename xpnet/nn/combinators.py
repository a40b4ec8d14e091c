"""Layers made of layers: chains, skips, forks and joins."""

from typing import Any

from xpnet import ops
from xpnet.arguments import flag
from xpnet.errors import ArgumentError, ShapeError, in_brief
from xpnet.graph import Value, checked
from xpnet.nn.layer import Layer, LayerLike, call

__all__ = ["Add", "Average", "Concat", "Multiply", "Residual", "Sequential"]


def _callables(owner: str, layers: tuple[LayerLike, ...]) -> list[LayerLike]:
    if len(layers) == 1 and isinstance(layers[0], list | tuple):
        raise ArgumentError(f"pass the layers one by one, not as a list: {owner}(a, b).")
    for position, layer in enumerate(layers):
        if isinstance(layer, type) or not callable(layer):
            what = f"the class {layer.__name__}" if isinstance(layer, type) else in_brief(layer)
            raise ArgumentError(
                f"{owner}: item {position} must be a layer or a function, got {what}."
            )
    return list(layers)


class Sequential(Layer):
    """Layers in sequence; a layer may be any function of a symbolic value."""

    def __init__(self, *layers: LayerLike) -> None:
        self.layers = _callables("Sequential", layers)

    def forward(self, x: Value) -> Any:
        """Apply the layers in order."""
        for i, layer in enumerate(self.layers):
            x = checked(layer, call(layer, x, name=f"layers.{i}"))
        return x

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"


class Residual(Layer):
    """A skip connection: y = x + f(x), where f is the layers in sequence.

    Raises
    ------
    ShapeError
        If f changes the shape.
    """

    def __init__(self, *layers: LayerLike) -> None:
        self.inner = Sequential(*layers)

    def forward(self, x: Value) -> Any:
        """Add the input to the layers' output."""
        y = call(self.inner, x, name="inner")
        if y.shape != x.shape:
            raise ShapeError(
                f"Residual: the layers inside must keep the shape {x.shape}, but return {y.shape}."
            )
        return x + y


class _Branches(Layer):
    """Several layers on the same input. Without layers, the inputs themselves are joined."""

    def __init__(self, *branches: LayerLike) -> None:
        self.branches = _callables(type(self).__name__, branches)

    def outputs(self, xs: tuple[Value, ...]) -> list[Value]:
        """The values to join."""
        if not self.branches:
            return list(xs)
        return [call(f, *xs, name=f"branches.{i}") for i, f in enumerate(self.branches)]


class Concat(_Branches):
    """The branches' outputs side by side along the last axis.

    ``Concat(f, g)(x)`` joins f(x) and g(x); ``Concat()(a, b)`` joins a and b.
    """

    def forward(self, *xs: Value) -> Any:
        """Join along the last axis."""
        return ops.concat(*self.outputs(xs), axis=-1)


class Add(_Branches):
    """The sum of the branches' outputs: ``Add(f, g)(x)`` is f(x) + g(x)."""

    def forward(self, *xs: Value) -> Any:
        """Add all."""
        first, *rest = self.outputs(xs)
        for y in rest:
            first = first + y
        return first


class Multiply(_Branches):
    """The product of the branches' outputs, a gate: ``Multiply(f, g)(x)`` is f(x) g(x)."""

    def forward(self, *xs: Value) -> Any:
        """Multiply all."""
        first, *rest = self.outputs(xs)
        for y in rest:
            first = first * y
        return first


class Average(_Branches):
    """The mean of the branches' outputs, such as the members of an ensemble.

    ``Average(f, g)(x)`` is (f(x) + g(x)) / 2. With `logits`, it is the logarithm of the mean of the
    probabilities: ln((softmax f(x) + softmax g(x)) / 2), which the softmax turns into that mean.

    Parameters
    ----------
    *branches : callable
        At least one.
    logits : bool, default False
        Whether the outputs are logits, whose probabilities are averaged.

    Raises
    ------
    ArgumentError
        If there are no branches, or one of them is not a layer or a function.

    Notes
    -----
    Source: Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty
    estimation using deep ensembles", NeurIPS 2017.
    """

    def __init__(self, *branches: LayerLike, logits: bool = False) -> None:
        super().__init__(*branches)
        if not branches:
            raise ArgumentError("Average needs at least one layer: Average(f, g).")
        self.logits = flag("Average: logits", logits)

    def forward(self, *xs: Value) -> Any:
        """Add all, and divide."""
        found = self.outputs(xs)
        if not self.logits:
            return sum(found[1:], start=found[0]) * (1 / len(found))
        logs = [ops.log_softmax(y) for y in found]
        top = logs[0]
        for y in logs[1:]:
            top = ops.maximum(top, y)
        shares = [ops.exp(y - top) for y in logs]
        return top + ops.log(sum(shares[1:], start=shares[0]) * (1 / len(found)))
